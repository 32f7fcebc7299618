// What keeps a scheduler from its idle timeout, as its log names it.

import { expect, test } from "vitest";
import { useOf } from "../../../scheduler/core/idle.ts";
import { Asker } from "./coordination/asking.ts";
import { Story } from "./story.ts";

test("what a scheduler without clients keeps is named, with its kind; of many things a few", () => {
  const story = new Story();
  expect(useOf(story.state)).toBeUndefined();
  const ann = new Asker(story, "ann");
  expect(useOf(story.state)).toBe("in use");
  ann.say({ type: "publish", id: 100, name: "p", value: "1", inputs: [] });
  ann.put("rows", "1");
  ann.ask({ kind: "variable", name: "rate", op: "set", value: "1" });
  ann.ask({ kind: "event", name: "go", op: "set" });
  ann.leave();
  const four = "published p, queue rows, variable rate, event go";
  expect(useOf(story.state)).toEqual({ keeps: four });

  const bob = new Asker(story, "bob");
  for (const name of ["a", "b", "c"]) bob.put(name, "1");
  bob.leave();
  expect(useOf(story.state)).toEqual({ keeps: `${four}, queue a, and 2 more` });
});
