/** One of the user's lists, as an app sees it. */

import { checkedCarried, type ItemWords } from "./data/item_fields.js";
import { prefixOf } from "./data/keys.js";
import type { Item } from "./data/list_view.js";
import type { Action } from "./data/messages.js";
import type { Place } from "./data/placing.js";
import { type Operation, type Operations, operation, operations } from "./operations.js";
import { loadPlacing } from "./parts.js";
import { Shown, type ShownHost } from "./shown.js";
import type { NamedList } from "./transport/requests.js";

const NO_ITEMS: readonly Item[] = Object.freeze([]);

/** Shows the list of the user who is signed in. Nothing waits for the network, as in the client itself. */
export class List extends Shown<Item> {
  readonly #list: string;
  /** What its keys begin with. */
  readonly #prefix: string;

  /** `list`: undefined for the watchlist. */
  constructor(list: string | undefined, host: ShownHost) {
    super(host);
    this.#list = list ?? "";
    this.#prefix = prefixOf(list);
  }

  /**
   * In order of `position`, then the rest newest first, with the user's unconfirmed changes. The same frozen array
   * until something in it changes; items that do not change stay the same objects, too.
   */
  get items(): readonly Item[] {
    return this.host.session()?.items(this.#prefix) ?? NO_ITEMS;
  }

  /** The last revision of the list that this device has. */
  get revision(): number {
    return this.host.session()?.stored?.headOf(this.#prefix).revision ?? 0;
  }

  /** Whether the list has a content. Throws a TypeError if `contentId` is not valid. Cost: O(1). */
  has(contentId: string): boolean {
    return this.host.session()?.has(this.#keyOf(contentId)) ?? false;
  }

  /**
   * Put a content into the list, or change what it carries there: fields missing in `carried` stay as they are. Throws
   * a TypeError if `contentId` or `carried` is not valid, an Error if nobody is signed in.
   */
  add(contentId: string, carried?: ItemWords): Operation {
    return this.#one("add", contentId, carried);
  }

  /** Take a content out of the list; throws like `add`. */
  remove(contentId: string): Operation {
    return this.#one("remove", contentId);
  }

  /** Add each, in order, in one go; throws like `add`, and then changes nothing. */
  addMany(contentIds: Iterable<string>): Operations {
    return this.#many("add", contentIds);
  }

  /** Remove each, in order, in one go; throws like `add`, and then changes nothing. */
  removeMany(contentIds: Iterable<string>): Operations {
    return this.#many("remove", contentIds);
  }

  /**
   * Put a content, in the list or not, before or behind another one; with neither, at the end. Others get a position,
   * too, if they stand before it without one, share one behind it, or leave it no room. Fulfilled with the operation's
   * id when the move is stored; rejected if an id is not valid, the other content is not in the list, or nobody is
   * signed in.
   */
  async move(contentId: string, place: Place = {}): Promise<string> {
    const session = this.host.signedIn();
    const { move } = await loadPlacing();
    if (session !== this.host.session()) throw new Error("The user was signed out.");
    return move(this, this.host.canonical, contentId, place);
  }

  /**
   * Set the name that people are shown; creates the list if there is none. Needs a connection: rejected with an Error
   * if it can't be done, or not now.
   */
  rename(name: string): Promise<NamedList> {
    return this.host.ask(({ rename }, asking) => rename(asking, this.#list, name));
  }

  /**
   * Delete the list, with all that is in it, on every device; if there is none, do nothing. Needs a connection, like
   * `rename`.
   */
  delete(): Promise<void> {
    return this.host.ask(({ remove }, asking) => remove(asking, this.#list));
  }

  readonly #keyOf = (contentId: string): string => this.#prefix + this.host.canonical(contentId);

  #one(action: Action, contentId: string, carried?: ItemWords): Operation {
    const { names, stored } = this.#enqueue(action, [contentId], carried);
    return operation(names[0] ?? "", stored);
  }

  #many(action: Action, contentIds: Iterable<string>): Operations {
    const { names, stored } = this.#enqueue(action, Array.from(contentIds));
    return operations(names, stored);
  }

  #enqueue(
    action: Action,
    contentIds: readonly string[],
    carried: ItemWords = {},
  ): { names: string[]; stored: Promise<void> } {
    const session = this.host.signedIn();
    return session.write(action, contentIds.map(this.#keyOf), checkedCarried(carried));
  }
}
