/** Registers, and which lists there are, as an app sees them: what progress.ts and devices.ts have in common. */

import { checkName } from "./data/ids.js";
import { DEVICES, prefixOf, type RegistersName } from "./data/keys.js";
import type { CalledAction, Members } from "./data/messages.js";
import type { ListName } from "./data/register_messages.js";
import type { DeviceItem, ProgressItem } from "./data/register_views.js";
import { type Operation, operation } from "./operations.js";
import type { ShownHost } from "./shown.js";
import { Shown } from "./shown.js";

export const NO_ITEMS: readonly never[] = Object.freeze([]);

/**
 * Shows what belongs to the user who is signed in. Nothing waits for the network, but nothing is shown until the part
 * for registers is loaded.
 */
export class ShownRegisters<Item extends ProgressItem | DeviceItem | ListName> extends Shown<Item> {
  readonly #name: RegistersName;

  constructor(name: RegistersName, host: ShownHost) {
    super(host);
    this.#name = name;
  }

  /** The same frozen array until something in it changes; items that do not change stay the same objects, too. */
  get items(): readonly Item[] {
    const items: readonly (ProgressItem | DeviceItem | ListName)[] =
      this.host.session()?.registers(this.#name) ?? NO_ITEMS;
    return items as readonly Item[];
  }

  /**
   * What is known of a content or a device; undefined: nothing. Throws a TypeError if the id is not valid. Cost: O(n)
   * after a change, else O(1).
   */
  get(id: string): Item | undefined {
    const canonical = this.#canonical(id);
    const items = this.items as readonly (ProgressItem | DeviceItem)[]; // the catalogue has no `get`
    return this.host.session()?.part?.byIdIn(items).get(canonical) as Item | undefined;
  }

  /** Until the part for registers is loaded nothing is checked here: the service refuses what is not valid. */
  protected write(action: CalledAction, id: string, data: Members = {}): Operation {
    const session = this.host.signedIn();
    const key = prefixOf(this.#name) + this.#canonical(id);
    const words = session.part?.checkedWords(action, key, { data }) ?? { data: JSON.parse(JSON.stringify(data)) };
    const { names, stored } = session.write(action, [key], words);
    return operation(names[0] ?? "", stored);
  }

  #canonical(id: string): string {
    return this.#name === DEVICES ? checkName("device_id", id) : this.host.canonical(id);
  }
}
