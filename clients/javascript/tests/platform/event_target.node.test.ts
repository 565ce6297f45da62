/** A client's events are real events of the platform. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { newEvent, PlatformEventTarget } from "../../src/platform/event_target.js";
import {
  PlatformEventTarget as LegacyEventTarget,
  newEvent as newLegacyEvent,
} from "../../src/platform/legacy_event_target.js";

for (const [build, Target, newOne] of [
  ["modern", PlatformEventTarget, newEvent],
  ["legacy", LegacyEventTarget, newLegacyEvent],
] as const) {
  test(`${build}: where there is an EventTarget it is used, and an event has its fields`, async () => {
    const target = new Target();
    assert.ok(target instanceof EventTarget);
    const updated = once(target, "updated");
    target.dispatchEvent(newOne("updated", { revision: 7 }) as Event);
    const [event] = (await updated) as [{ revision: number }];
    assert.equal(event.revision, 7);
  });
}
