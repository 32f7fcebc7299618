// The scheduler's data over HTTP: the same answers as to the questions of clients. An endpoint is one
// line here, which answers with a query of `src/wire/requests.ts` or with a part of its result.

import { ProtocolError } from "../src/errors/errors.ts";
import { checkFromClient } from "../src/wire/check.ts";
import type { FromClient } from "../src/wire/protocol.ts";
import type { ParametersOf, QueryName, ResultOf } from "../src/wire/requests.ts";
import type { Clockwork } from "./clockwork.ts";
import { Refusal } from "./core/clients/answers.ts";
import { jsonAnswer, type EndpointAnswer, type Endpoints } from "./endpoints.ts";

export function apiOf(clockwork: Pick<Clockwork, "query">): Endpoints {
  /** @param part what of the result to answer with; default: all of it */
  function json<Name extends QueryName>(
    name: Name,
    of: ParametersOf<Name>,
    part: (result: ResultOf<Name>) => unknown = (result) => result,
  ): EndpointAnswer {
    const result = clockwork.query(name, of);
    if (result instanceof Refusal) return jsonAnswer({ error: result.failure }, 404);
    return jsonAnswer(part(result));
  }
  return {
    "/api/info": () => json("info", {}),
    "/api/schedules": () => json("schedules", {}),
    "/api/workers": () => json("workers", {}),
    "/api/tasks": ({ query }) => {
      try {
        return json("tasks", tasksAsked(query));
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        return jsonAnswer({ error: { code: error.code, message: error.message } }, 400);
      }
    },
    "/api/explain": ({ query }) => json("explain", { key: query.get("key") ?? "" }),
  };
}

/**
 * Which tasks a URL asks for: `?state=failed,cancelled&function=f&client=c&since=1700000000000&after=99&limit=10`.
 *
 * @throws {ProtocolError} when it asks for what could not be
 */
function tasksAsked(query: URLSearchParams): ParametersOf<"tasks"> {
  const asked: Record<string, unknown> = { type: "tasks", id: 0, limit: 100 };
  for (const [name, text] of query) {
    if (name === "state") asked["states"] = text.split(",");
    else if (name === "function" || name === "client") asked[name] = text;
    else if (name === "since" || name === "after" || name === "limit") asked[name] = Number(text);
    else throw new ProtocolError(`"${name}" is not known here`);
  }
  return checkFromClient(asked) as ParametersOf<"tasks"> & FromClient;
}
