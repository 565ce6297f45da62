/**
 * The platform's `EventTarget`, for a client's events. In the legacy build legacy_event_target.ts replaces this module.
 */

/** What has listeners, and can call them; `Listening` types them. */
export interface Dispatcher {
  dispatchEvent(event: { readonly type: string }): boolean;
}

export const PlatformEventTarget: new () => Dispatcher = globalThis.EventTarget;

/** An event for a `PlatformEventTarget`, with `fields` on it. */
export function newEvent(type: string, fields: object): { readonly type: string } {
  return Object.assign(new Event(type), fields);
}
