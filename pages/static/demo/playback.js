/** What is played on one device: as long as it plays, its progress is reported every second, as a player does. */

const TICK_MS = 1000;
/** What another device plays is shown to go on for so long after its last report: it reports every ten seconds. */
const FRESH_S = 15;
export const FILM_S = 90 * 60;

/** Event `look`: it may be another film, state or position. */
export class Playback extends EventTarget {
  #progress;
  /** The film that was chosen here; null: the one that was played last, on any device. */
  #chosen = null;
  /** While it plays here. @type {{ fromS: number, sinceMs: number, timer: number } | null} */
  #run = null;

  /** `progress`: a client's. */
  constructor(progress) {
    super();
    this.#progress = progress;
  }

  get contentId() {
    const { items, continueWatching } = this.#progress;
    const begun = items.find(({ state }) => state === "playing"); // at its beginning it is none to continue
    return this.#chosen ?? (begun ?? continueWatching[0])?.content_id ?? null;
  }

  get isPlaying() {
    return this.#run !== null;
  }

  /** The id of the device that plays the film, if that is another one and has said so lately; else null. */
  get playedOn() {
    return this.isPlaying || this.#ageS > FRESH_S ? null : (this.#item?.device_id ?? null);
  }

  get positionS() {
    if (this.#run !== null) return Math.min(this.#run.fromS + (performance.now() - this.#run.sinceMs) / 1000, FILM_S);
    const goesOn = this.playedOn === null ? 0 : this.#ageS;
    return Math.min((this.#item?.position_seconds ?? 0) + goesOn, FILM_S);
  }

  /** The service has everything that was reported of the film. */
  get isSettled() {
    return this.#item?.pending === false;
  }

  play(contentId, fromS = null) {
    this.pause();
    this.#chosen = contentId;
    this.#start(fromS ?? this.positionS);
  }

  pause() {
    if (this.#run === null) return;
    const positionS = this.#stop();
    this.#report(positionS, "paused");
  }

  seek(positionS) {
    if (this.#run === null) this.#report(positionS, "paused");
    else this.#start(positionS);
  }

  #start(fromS) {
    this.#stop();
    const timer = setInterval(() => this.#tick(), TICK_MS);
    this.#run = { fromS, sinceMs: performance.now(), timer };
    this.#report(fromS, "playing");
  }

  #tick() {
    if (this.positionS >= FILM_S) this.pause();
    else this.#report(this.positionS, "playing");
  }

  #stop() {
    const { positionS } = this;
    clearInterval(this.#run?.timer);
    this.#run = null;
    return positionS;
  }

  #report(positionS, state) {
    this.#progress.update(this.contentId, { position_seconds: Math.floor(positionS), duration_seconds: FILM_S, state });
    this.dispatchEvent(new Event("look"));
  }

  get #item() {
    const id = this.contentId;
    return id === null ? undefined : this.#progress.get(id);
  }

  /** Seconds since the film was last reported to be played; none: it is not. */
  get #ageS() {
    const item = this.#item;
    if (item === undefined || item.state !== "playing") return Number.POSITIVE_INFINITY;
    return Math.max(Date.now() - item.timestamp.physical, 0) / 1000;
  }
}
