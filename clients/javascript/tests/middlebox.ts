/** A proxy as real networks have them between a device and the service: passes HTTP on, and interferes with it. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * To an upgrade: `refuses`: it is answered with `refusal`; `strips`: its header is left out; `swallows`: it succeeds and
 * nothing comes through afterwards. `buffers`: the first, and every answer is kept until it is whole.
 */
export type Trick = "nothing" | "refuses" | "strips" | "swallows" | "buffers";

/** Listens in place of the service. Each request has a connection of its own. */
export class Middlebox {
  trick: Trick = "nothing";
  refusal = "403 Forbidden";
  /** First lines, as they came. */
  readonly requests: string[] = [];
  readonly #server = createServer((device) => this.#serve(device));
  readonly #sockets = new Set<Socket>();
  readonly #service: URL;

  constructor(serviceUrl: string) {
    this.#service = new URL(serviceUrl);
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Break every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  stop(): void {
    this.#server.close();
    this.cut();
  }

  #serve(device: Socket): void {
    this.#keep(device);
    let head = "";
    const onData = (chunk: Buffer): void => {
      head += chunk.toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) return;
      device.off("data", onData);
      this.requests.push(head.slice(0, head.indexOf("\r\n")));
      this.#passOn(head.slice(0, end + 2), head.slice(end + 2), device);
    };
    device.on("data", onData);
  }

  #passOn(fields: string, rest: string, device: Socket): void {
    const isUpgrade = /^upgrade:/imu.test(fields);
    const { trick } = this;
    if (isUpgrade && (trick === "refuses" || trick === "buffers")) {
      const head = `HTTP/1.1 ${this.refusal}\r\nContent-Type: text/html\r\nLocation: http://127.0.0.1:9/`;
      device.end(`${head}\r\nContent-Length: 7\r\nConnection: close\r\n\r\nBlocked`);
      return;
    }
    const service = this.#keep(connect(Number(this.#service.port), this.#service.hostname));
    const isPassed = isUpgrade && trick !== "strips";
    const passed = isPassed
      ? fields
      : `${fields.replace(/^(?:upgrade|connection):.*\r\n/gimu, "")}Connection: close\r\n`;
    service.write(passed + rest, "latin1");
    const held: Buffer[] = [];
    let isSwallowing = false;
    device.on("data", (chunk) => isSwallowing || service.write(chunk));
    service.on("data", (chunk) => {
      if (trick === "buffers") held.push(chunk);
      else if (!isSwallowing) device.write(isUpgrade && trick === "swallows" ? headOf(chunk) : chunk);
      isSwallowing = isUpgrade && trick === "swallows";
    });
    service.on("close", () => device.end(Buffer.concat(held)));
    device.on("close", () => service.destroy());
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on("error", () => undefined); // `close` follows
    socket.on("close", () => this.#sockets.delete(socket));
    return socket;
  }
}

function headOf(answer: Buffer): Buffer {
  return answer.subarray(0, answer.indexOf("\r\n\r\n") + 4);
}
