// Explains why a value cannot be sent, and what to pass instead.

type Refusal = { advice: string; fact: string };

/** The error message is `${advice}: ${path} ${fact}`. */
export function whyRefused(value: unknown): Refusal {
  switch (typeof value) {
    case "function":
      return { advice: "Pass data, not code", fact: `is a function${named(value.name)}` };
    case "symbol":
      return { advice: "Pass a string instead", fact: `is a symbol (${String(value)})` };
    default:
      return whyObjectRefused(value as object);
  }
}

function whyObjectRefused(value: object): Refusal {
  if (Array.isArray(value)) return whyArrayRefused(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    return whyPropertyRefused(value, "an object");
  }
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  switch (tag) {
    case "Promise":
      return { advice: "Await it first", fact: "is a promise" };
    case "WeakMap":
    case "WeakSet":
    case "WeakRef":
      return {
        advice: "Pass what it holds",
        fact: `is a ${tag}, which only its own process can read`,
      };
    case "Number":
    case "String":
    case "Boolean":
    case "BigInt":
    case "Symbol":
      return { advice: "Pass the bare value, not an object around it", fact: `is a ${tag} object` };
  }
  const builtIn: readonly unknown[] = [
    Map.prototype,
    Set.prototype,
    Date.prototype,
    RegExp.prototype,
    URL.prototype,
  ];
  if (builtIn.includes(prototype)) return whyPropertyRefused(value, `a ${tag}`);
  const { constructor } = value as { constructor?: unknown };
  const name = typeof constructor === "function" ? constructor.name : tag;
  return {
    advice: "Pass a plain object, such as { ...value }, and make the instance where it is used",
    fact: `is an instance of ${name === "" ? "an unnamed class" : name}`,
  };
}

function whyArrayRefused(array: readonly unknown[]): Refusal {
  if (Object.getPrototypeOf(array) !== Array.prototype) {
    return { advice: "Pass Array.from(value)", fact: "is an instance of a class of arrays" };
  }
  for (let index = 0; index < array.length; index++) {
    if (!Object.hasOwn(array, index)) {
      return { advice: "Fill its holes", fact: `is an array with nothing at [${index}]` };
    }
  }
  return whyPropertyRefused(array, "an array");
}

/** For an object of a kind that can be sent, except for one of its own properties. */
function whyPropertyRefused(value: object, what: string): Refusal {
  const advice = "Pass the property on its own, or leave it out";
  for (const key of Reflect.ownKeys(value)) {
    if (Array.isArray(value) && (key === "length" || isIndex(key, value.length))) continue;
    if (value instanceof RegExp && key === "lastIndex") continue;
    if (key === "__proto__") {
      return { advice: "Use a Map for keys like this", fact: `has an own property "__proto__"` };
    }
    if (typeof key === "symbol") {
      return { advice, fact: `is ${what} with a symbol for a key (${String(key)})` };
    }
    if (Object.getOwnPropertyDescriptor(value, key)?.enumerable !== true) {
      return { advice, fact: `is ${what} with a hidden property (${JSON.stringify(key)})` };
    }
    if (what !== "an object") {
      return { advice, fact: `is ${what} with a property of its own (${JSON.stringify(key)})` };
    }
  }
  return { advice, fact: `is ${what} that cannot be sent as it is` };
}

function isIndex(key: string | symbol, length: number): boolean {
  return typeof key === "string" && String(Number(key) >>> 0) === key && Number(key) < length;
}

function named(name: string): string {
  return name === "" ? "" : ` (${name})`;
}
