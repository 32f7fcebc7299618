import { StepCounter } from "./counting.ts";
const counter = new StepCounter();
const core = {
  ...(await import("../../../../scheduler/core/state.ts")),
  ...(await import("../../../../scheduler/core/step.ts")),
};
const { Scene, shapes, dressings, lives, range } = await import("./scene.ts");
const { ofClients, ofWorkers, ofEvents, ofClock } = await import("./deeds.ts");
const filter = new RegExp(process.argv[2] ?? ".");
const n0 = Number(process.argv[3] ?? 100);
const what = process.argv[4] ?? "all";
const groups = { ofClients, ofWorkers, ofEvents, ofClock };
let cases = 0;
const t0 = performance.now();
function report(name: string, counts: number[]) {
  cases++;
  const [a, b, c] = counts as [number, number, number];
  const bad = c / b > 2.3 && c > 30 * n0;
  if (bad)
    console.log(
      name,
      counts.map(Math.round).join(" "),
      (b / a).toFixed(2),
      (c / b).toFixed(2),
      "per",
      (c / n0 / 4).toFixed(0),
    );
}
function base() {
  const scene = new Scene(core, { workerTimeoutMs: 50_000 });
  scene.joinClient("ann");
  scene.joinClient("bob");
  return scene;
}
for (const [group, table] of Object.entries(groups))
  for (const [type, deeds] of Object.entries(table)) {
    if (what !== "graph")
      for (const [name, crowd] of Object.entries(deeds.crowd ?? {})) {
        const full = `${group} ${type} crowd: ${name}`;
        if (!filter.test(full)) continue;
        try {
          report(
            full,
            [1, 2, 4].map((f) => {
              const scene = base();
              const act = (crowd as any)(scene, n0 * f);
              return counter.count(act);
            }),
          );
        } catch (e) {
          console.log(full, "THREW", (e as Error).stack!.split("\n").slice(0, 4).join(" "));
        }
      }
    if (what !== "crowd")
      for (const [name, deed] of Object.entries(deeds.graph ?? {}))
        for (const [shape, inputsOf] of Object.entries(shapes))
          for (const [dressing, dress] of Object.entries(dressings))
            for (const [life, live] of Object.entries(lives)) {
              const full = `${group} ${type} ${name}: ${shape}, ${dressing}, ${life}`;
              if (!filter.test(full)) continue;
              try {
                report(
                  full,
                  [1, 2, 4].map((f) => {
                    const scene = base();
                    const count = n0 * f;
                    const keys = range(count);
                    dress(
                      scene,
                      keys,
                      keys.map((_, i) => inputsOf(i, count).map((at) => keys[at]!)),
                    );
                    live(scene, keys);
                    return counter.count(() => (deed as any)(scene, keys));
                  }),
                );
              } catch (e) {
                console.log(full, "THREW", (e as Error).stack!.split("\n").slice(0, 4).join(" "));
              }
            }
  }
console.log(cases, "cases", ((performance.now() - t0) / 1000).toFixed(1), "s");
