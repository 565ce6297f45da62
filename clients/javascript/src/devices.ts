/** The user's devices, as an app sees them. */

import type { DeviceItem } from "./data/register_views.js";
import type { Operation } from "./operations.js";
import { ShownRegisters } from "./shown_registers.js";

/** A device's name, and what it is; what is missing or null stays as it is. */
export type DeviceWords = {
  readonly [Member in "device_name" | "device_type" | "platform"]?: string | null | undefined;
} & {
  /** At most 1 KiB of JSON; replaces all that is known. */
  readonly capabilities?: object | null | undefined;
};

/** `items`: in order of their ids. */
export class Devices extends ShownRegisters<DeviceItem> {
  /**
   * Say what a device is, this one or another; null: the service has confirmed all of it already. Throws a TypeError if
   * `deviceId` or `words` is not valid, an Error if nobody is signed in.
   */
  update(deviceId: string, words: DeviceWords): Operation | null {
    if (this.host.signedIn().part?.saysAlready(this.get(deviceId), words)) return null;
    return this.write("update", deviceId, { ...words });
  }

  /** Forget a device; it is known again when it connects. Throws like `update`. */
  forget(deviceId: string): Operation {
    return this.write("remove", deviceId);
  }
}
