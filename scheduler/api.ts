// What the scheduler tells over HTTP: the same answers as to the questions of clients. An endpoint is
// one line here; what it answers is a query of `src/wire/requests.ts`.

import type { ParametersOf, QueryName } from "../src/wire/requests.ts";
import type { Clockwork } from "./clockwork.ts";
import { Refusal } from "./core/clients/answers.ts";
import { jsonAnswer, type EndpointAnswer, type Endpoints } from "./endpoints.ts";

export function apiOf(clockwork: Pick<Clockwork, "query">): Endpoints {
  function json<Name extends QueryName>(name: Name, of: ParametersOf<Name>): EndpointAnswer {
    const result = clockwork.query(name, of);
    if (result instanceof Refusal) return jsonAnswer({ error: result.failure }, 404);
    return jsonAnswer(result);
  }
  return {
    "/api/info": () => json("info", {}),
    "/api/workers": () => json("workers", {}),
    "/api/explain": ({ query }) => json("explain", { key: query.get("key") ?? "" }),
  };
}
