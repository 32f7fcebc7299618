// A plot of one axis: what a task costs, as that grows along which the axis goes. Drawn by Vega.

import { parse, View, type Spec } from "vega";
import { median } from "../runner/statistics.ts";
import type { Point, Taken } from "./plan.ts";
import { costsOf } from "./report.ts";

/** An SVG. */
export async function plot({ axis, real, core }: Taken): Promise<string> {
  const values = [
    ...real.flatMap((point) => datum("scheduler with zero workers", point)),
    ...core.flatMap((point) => datum("core alone", point)),
  ];
  const title = `Cost ${axis.unit}, by ${axis.label}`;
  const view = new View(parse(specOf(title, axis.label, values)), { renderer: "none" });
  const svg = await view.toSVG();
  view.finalize();
  return `${svg}\n`;
}

type Datum = { where: string; x: number; cost: number };

function datum(where: string, point: Point): Datum[] {
  if (point.samples.length === 0) return [];
  return [{ where, x: point.x, cost: median(costsOf(point)) }];
}

function specOf(title: string, label: string, values: Datum[]): Spec {
  const at = {
    x: { scale: "x", field: "x" },
    y: { scale: "y", field: "cost" },
  };
  const stroke = { scale: "color", field: "where" };
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: 560,
    height: 240,
    padding: 8,
    background: "white",
    title: { text: title, anchor: "start" },
    data: [{ name: "points", values }],
    scales: [
      { name: "x", type: "log", domain: { data: "points", field: "x" }, range: "width" },
      {
        name: "y",
        type: "linear",
        domain: { data: "points", field: "cost" },
        range: "height",
        zero: true,
        nice: true,
      },
      {
        name: "color",
        type: "ordinal",
        domain: { data: "points", field: "where" },
        range: ["#1b6ca8", "#d1495b"],
      },
    ],
    axes: [
      {
        scale: "x",
        orient: "bottom",
        title: label,
        format: ",d",
        values: [...new Set(values.map(({ x }) => x))],
        labelOverlap: true,
      },
      { scale: "y", orient: "left", title: "µs CPU", grid: true },
    ],
    legends: [{ stroke: "color", symbolType: "circle", orient: "bottom", direction: "horizontal" }],
    marks: [
      {
        type: "group",
        from: { facet: { name: "lines", data: "points", groupby: "where" } },
        marks: [
          {
            type: "line",
            from: { data: "lines" },
            encode: { enter: { ...at, stroke, strokeWidth: { value: 2 } } },
          },
          {
            type: "symbol",
            from: { data: "lines" },
            encode: { enter: { ...at, fill: stroke, size: { value: 40 } } },
          },
        ],
      },
    ],
  };
}
