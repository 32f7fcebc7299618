// The facts over HTTP: what clients are answered, for whoever shows the view token.

import { afterEach, beforeEach, expect, test } from "vitest";
import { Client } from "../../client/client.ts";
import { viewTokenOf } from "../../src/meeting/token.ts";
import { startScheduler, type RunningScheduler } from "../../scheduler/main.ts";

let scheduler: RunningScheduler;
beforeEach(async () => {
  scheduler = await startScheduler({ port: 0 });
});
afterEach(() => scheduler.stop());

function get(path: string, token = viewTokenOf(scheduler.token)): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`http://127.0.0.1:${scheduler.port}${path}`, { headers });
}

test("answers as a client is answered", async () => {
  const client = await Client.connect(scheduler.url, { token: scheduler.token });
  try {
    const future = client.submit("f");
    expect(await (await get("/api/info")).json()).toEqual(await client.info());
    await client.schedule("nightly", { cron: "@daily" }, "f");
    expect(await (await get("/api/schedules")).json()).toEqual(await client.schedules());
    expect(await (await get("/api/workers")).json()).toEqual([]);
    const explained = await get(`/api/explain?key=${future.key}`);
    expect(await explained.json()).toMatchObject({ key: future.key, why: "no worker has joined" });
    const tasks = await get("/api/tasks?state=ready,waiting&function=f&since=0&limit=5");
    expect(await tasks.json()).toEqual(await client.tasks());
    expect(await (await get("/api/tasks?function=g")).json()).toEqual([]);
  } finally {
    await client.close();
  }
});

test("says when there is no such task", async () => {
  const response = await get("/api/explain?key=nothing");
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: "lost-data" } });
});

test.each(["state=over", "limit=0", "limit=x", "after=-1", "type=shutdown"])(
  "refuses to list tasks by %s",
  async (query) => {
    const response = await get(`/api/tasks?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: expect.any(String) } });
  },
);

test("tells nothing without the token", async () => {
  const response = await get("/api/info", "wrong");
  expect(response.status).toBe(401);
  expect(await response.text()).not.toContain("tasks");
});
