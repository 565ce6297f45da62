/** The user's devices, as an app sees them. */

import type { DeviceItem } from "./data/register_views.js";
import type { Operation } from "./operations.js";
import { ShownRegisters } from "./shown_registers.js";

/** What a device is called, and what it is; what is missing or null stays. */
export type DeviceWords = {
  readonly [Member in "device_name" | "device_type" | "platform"]?: string | null | undefined;
} & {
  /** At most 1 KiB of JSON, in the place of all that is known. */
  readonly capabilities?: object | null | undefined;
};

/** `items`: by their ids. */
export class Devices extends ShownRegisters<DeviceItem> {
  /**
   * Say what a device is, this one or another; null: that is what is known of it. Throws a TypeError if `deviceId` is none or
   * that cannot be said, an Error if nobody is signed in.
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
