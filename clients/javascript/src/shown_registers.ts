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
 * Of whichever user is signed in. Nothing waits for the network; as long as the part for registers is not here nothing is
 * shown.
 */
export class ShownRegisters<Item extends ProgressItem | DeviceItem | ListName> extends Shown<Item> {
  readonly #name: RegistersName;

  constructor(name: RegistersName, host: ShownHost) {
    super(host);
    this.#name = name;
  }

  /** The same frozen array until something in it is another; items that are the same stay the same, too. */
  get items(): readonly Item[] {
    const items: readonly (ProgressItem | DeviceItem | ListName)[] =
      this.host.session()?.registers(this.#name) ?? NO_ITEMS;
    return items as readonly Item[];
  }

  /**
   * What is known of a content or a device; undefined: nothing. Throws a TypeError where there is none of that id. Cost: O(n)
   * after a change, else O(1).
   */
  get(id: string): Item | undefined {
    const canonical = this.#canonical(id);
    const items = this.items as readonly (ProgressItem | DeviceItem)[]; // of the catalogue nobody asks
    return this.host.session()?.part?.byIdIn(items).get(canonical) as Item | undefined;
  }

  /** As long as the part for registers is not here, what cannot be said is refused by the service. */
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
