/**
 * Give `object` its members as its own, which work on it whoever calls them: a Proxy around it, as Vue makes them, has no
 * `#fields`, and a function that was taken from it no `this`. `prototype`: that of its class, which may be a subclass.
 */
export function bindMembers(object: object, prototype: object): void {
  const bound = new Set(["constructor"]);
  // Up to an `Object.prototype`, which may be of another realm: in Jest so is that of `EventTarget`.
  for (let level = prototype; Object.getPrototypeOf(level) !== null; level = Object.getPrototypeOf(level)) {
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (bound.has(name)) continue;
      bound.add(name);
      Object.defineProperty(object, name, get ? { get: () => get.call(object) } : { value: value.bind(object) });
    }
  }
}
