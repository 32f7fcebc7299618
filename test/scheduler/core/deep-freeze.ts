// Freezes a value and everything in it, so that whoever changes it later throws.

/** Bytes stay as they are: the language cannot freeze them. */
export function deepFreeze<Value>(value: Value): Value {
  const look: unknown[] = [value];
  while (look.length > 0) {
    const next = look.pop();
    if (typeof next !== "object" || next === null || ArrayBuffer.isView(next)) continue;
    if (Object.isFrozen(next)) continue;
    Object.freeze(next);
    look.push(...Object.values(next));
  }
  return value;
}
