/**
 * Give `object` its class's members as its own, bound to it: they must work through a Proxy, as Vue makes them, which
 * has no `#fields`, and when detached, without a `this`. `prototype`: that of its class, which may be a subclass.
 */
export function bindMembers(object: object, prototype: object): void {
  const bound = new Set(["constructor"]);
  // Up to an `Object.prototype`, known by its null prototype: it may be another realm's, as `EventTarget`'s is in Jest.
  for (let level = prototype; Object.getPrototypeOf(level) !== null; level = Object.getPrototypeOf(level)) {
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (bound.has(name)) continue;
      bound.add(name);
      Object.defineProperty(object, name, get ? { get: () => get.call(object) } : { value: value.bind(object) });
    }
  }
}
