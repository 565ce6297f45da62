/** The way from this page to the daemon, which can be cut: open connections break, and no token can be had. */

export class Network {
  #isCut = false;
  #sockets = new Set();

  /** A `WebSocket` on this network, for the clients. */
  // biome-ignore lint/style/useNamingConvention: named as what it stands for
  get WebSocket() {
    const sockets = this.#sockets;
    return class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols);
        sockets.add(this);
        this.addEventListener("close", () => sockets.delete(this));
      }
    };
  }

  get isCut() {
    return this.#isCut;
  }

  cut() {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.close();
  }

  restore() {
    this.#isCut = false;
  }

  /** @returns {Promise<{ user_id: string, token: string }>} rejects while there is no way */
  async token(device) {
    if (this.#isCut) throw new Error("The network is cut.");
    const answer = await fetch("dev/token", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ device }),
    });
    if (!answer.ok) throw new Error((await answer.json()).detail);
    return answer.json();
  }
}
