/** What a client's events come by: the platform's. In the legacy build legacy_event_target.ts stands in its place. */

/** What has listeners; `SyncClient` says which. */
export interface Dispatcher {
  dispatchEvent(event: { readonly type: string }): boolean;
}

export const PlatformEventTarget: new () => Dispatcher = globalThis.EventTarget;

/** An event for a `PlatformEventTarget`, with `fields` on it. */
export function newEvent(type: string, fields: object): { readonly type: string } {
  return Object.assign(new Event(type), fields);
}
