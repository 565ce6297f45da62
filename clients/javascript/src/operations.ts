/** What a change of a list returns to the app. */

/**
 * A change of the list on its way: fulfilled with its id once it is kept on this device (`storage` says where); it is
 * then sent even after a restart. Rejected if the client was closed before that was known; that need not be handled.
 */
export interface Operation extends Promise<string> {
  /** Known at once; the `operation_id` of the event that tells how it ended, `confirmed` or `refused`. */
  readonly operation_id: string;
}

/** Several changes, one for each content, kept together. */
export interface Operations extends Promise<readonly string[]> {
  readonly operation_ids: readonly string[];
}

/** `stored`: fulfilled when the writes are stored. */
export function operation(name: string, stored: Promise<void>): Operation {
  return Object.assign(ignorable(stored.then(() => name)), { operation_id: name });
}

/** The same for several changes. */
export function operations(names: readonly string[], stored: Promise<void>): Operations {
  return Object.assign(ignorable(stored.then(() => names)), { operation_ids: names });
}

/** `promise`, whose rejection need not be handled. */
function ignorable<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
