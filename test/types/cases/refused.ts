// What cannot cross between processes does not compile, in words; at run time it is refused too.

import type { Client, Future } from "thence";
import * as tasks from "./tasks.ts";

declare const client: Client<typeof tasks>;
declare const number: Future<number>;
declare const account: tasks.Account;
declare const stream: AsyncGenerator<number>;

// As arguments.
// error: 'Refused<"a function cannot be sent to a worker: pass data">'
client.submit("apply", (x: number) => x, 1);
// error: 'Refused<"a function cannot be sent to a worker: pass data">'
client.submit("configure", { size: 1, onDone: () => undefined });
// error: 'Promise<number>' is not assignable to parameter of type
client.submit("settle", Promise.resolve(1));
// error: 'Promise<number>' is not assignable to parameter of type 'number | Future<number>'
client.submit("add", number.result(), 1);
// error: 'symbol' is not assignable to parameter of type
client.submit("label", Symbol("x"));
// error: 'Refused<"a function cannot be sent to a worker: pass data">'
client.submit("normOf", new tasks.Point());
// error: 'Account' is not assignable to parameter of type
client.submit("ownerOf", account);
// error: 'AsyncGenerator<number, any, any>' is not assignable to parameter of type
client.submit("read", stream);
// error: is not assignable to parameter of type
client.submit("json", { a: [1, () => 1] });
// error: is not assignable to type 'Refused<"a function cannot be sent to a worker: pass data">
client.map("configure", [{ size: 1, onDone: () => undefined }]);
// Without the optional function there is nothing to refuse.
client.submit("configure", { size: 1 });

// As results.
// error: 'number' is not assignable to parameter of type 'Refused<"a worker cannot send back what this returns: let it return data
client.submit("adder", 1);
// error: 'number' is not assignable to parameter of type 'Refused<"a worker cannot send back what this returns: let it return data
client.submit("makePoints", 1);
// error: 'number' is not assignable to parameter of type 'Refused<"a worker cannot send back what this returns: let it return data
client.submit("countDown", 1);
// error: Expected at least 2 arguments, but got 1
client.submit("makePoint");
// error: Expected at least 2 arguments, but got 1
client.submit("openAccount");

// Of functions passed themselves the words stand in place of the future.
export const changed = client.submit(tasks.apply, (x: number) => x, 1); // Refused<"an argument cannot be sent to a worker: pass data, without functions, symbols, promises, streams and instances of classes">
export const configured = client.submit(tasks.configure, { size: 1, onDone: () => undefined }); // Refused<"an argument cannot be sent to a worker: pass data, without functions, symbols, promises, streams and instances of classes">
export const ready = client.submit(tasks.configure, { size: 1 }); // Future<void>
export const made = client.submit(tasks.adder, 1); // Refused<"a worker cannot send back what this returns: let it return data, without functions, symbols, promises, streams and instances of classes">
export const point = client.submit(tasks.makePoint); // Refused<"a worker cannot send back what this returns: let it return data, without functions, symbols, promises, streams and instances of classes">
// error: Property 'result' does not exist on type 'Refused<"a worker cannot send back what this returns
await client.submit(tasks.adder, 1).result();

// A task has no `this`, and no name when it is a module's default export.
// error: '"unbound"' is not assignable to parameter of type … "add"
client.submit("unbound", 1);
// error: '(this: Date, x: number) => number' is not assignable to parameter of type
client.submit(tasks.unbound, 1);
