/**
 * What the user changed on this page, and when each device had it.
 *
 * A change has arrived on a device when the device's list has reached the change's revision. Other devices may learn of
 * it before its author knows the revision, so every device's steps are remembered for a while.
 */

/**
 * @typedef {object} Change
 * @property {string} device its author
 * @property {"add" | "remove"} operation
 * @property {string} contentId
 * @property {number} startedMs when the user clicked; all times are `performance.now()`
 * @property {"waiting" | "saved" | "needless" | "refused"} state needless: nothing had to change
 * @property {number | null} revision
 * @property {Map<string, number>} arrivals device -> ms from the click until it was there
 */

const KEPT_STEPS = 500;
const KEPT_CHANGES = 50;

export class Changes {
  /** Newest first. @type {Change[]} */
  list = [];
  /** By device: what it reached when, oldest first. @type {Map<string, { revision: number, ms: number }[]>} */
  #steps = new Map();

  /** @returns {Change} */
  begin(device, operation, contentId, startedMs) {
    const change = {
      device,
      operation,
      contentId,
      startedMs,
      state: "waiting",
      revision: null,
      arrivals: new Map(),
    };
    this.list = [change, ...this.list].slice(0, KEPT_CHANGES);
    return change;
  }

  /** The oldest change of this kind that waits for its answer: answers come in the order of the changes. */
  #waiting(device, operation, contentId) {
    return this.list.findLast(
      (each) =>
        each.state === "waiting" &&
        each.device === device &&
        each.operation === operation &&
        each.contentId === contentId,
    );
  }

  /** The service took it. @returns {Change | undefined} undefined: it is of another page, or of before a reload */
  confirmed(device, operation, contentId, revision) {
    const change = this.#waiting(device, operation, contentId);
    if (change === undefined) return;
    change.state = revision === null ? "needless" : "saved";
    change.revision = revision;
    for (const [reader, steps] of this.#steps) {
      const step = steps.find((each) => revision !== null && each.revision >= revision);
      if (step !== undefined) arrive(change, reader, step.ms);
    }
    return change;
  }

  /** It can never succeed. */
  refused(device, operation, contentId) {
    const change = this.#waiting(device, operation, contentId);
    if (change !== undefined) change.state = "refused";
  }

  /** `device`'s list has come so far. */
  reached(device, revision, ms) {
    const steps = this.#steps.get(device) ?? [];
    steps.push({ revision, ms });
    this.#steps.set(device, steps.slice(-KEPT_STEPS));
    for (const change of this.list) {
      if (change.revision !== null && change.revision <= revision) arrive(change, device, ms);
    }
  }

  /**
   * The change that has just shown itself on `device`: the newest of this kind by another device.
   * @returns {Change | undefined}
   */
  cause(device, operation, contentId) {
    return this.list.find(
      (each) => each.contentId === contentId && each.operation === operation && each.device !== device,
    );
  }

  /** What nobody has confirmed yet, by author, the newest of each. @returns {Map<string, Change>} */
  unsettled(contentId) {
    const byDevice = new Map();
    for (const change of this.list) {
      if (change.contentId === contentId && change.state === "waiting" && !byDevice.has(change.device))
        byDevice.set(change.device, change);
    }
    return byDevice;
  }
}

function arrive(change, device, ms) {
  if (!change.arrivals.has(device)) change.arrivals.set(device, Math.max(ms - change.startedMs, 0));
}

/** @returns {string} a time as people read it */
export function duration(ms) {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
