/** Longest packet that is taken, in bytes. Incus' longest, names of a directory, stay below 100 kB. */
const longestPacket = 2 ** 20;

/**
 * Cuts a stream of bytes into SFTP packets. A packet is only valid while it is handed over: memory is used again, so that
 * what passes costs nothing however much it is.
 *
 * @see draft-ietf-secsh-filexfer-02, section 3
 */
export class PacketStream {
  readonly #onPacket: (packet: Buffer) => void;
  /** A packet that came in parts, with its length before it. */
  #parts = Buffer.allocUnsafe(2 ** 16);
  #have = 0;

  constructor(onPacket: (packet: Buffer) => void) {
    this.#onPacket = onPacket;
  }

  /** Takes the next bytes. @throws {RangeError} when they announce a packet that is empty or over 1 MiB */
  add(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      rest = this.#have > 0 ? this.#complete(rest) : this.#whole(rest);
    }
  }

  /** Hands over packets that lie in the bytes as a whole. @returns what is left, kept already when it is a part */
  #whole(bytes: Buffer): Buffer {
    let at = 0;
    while (bytes.length - at >= 4) {
      const end = at + 4 + checkLength(bytes.readUInt32BE(at));
      if (end > bytes.length) break;
      this.#onPacket(bytes.subarray(at + 4, end));
      at = end;
    }
    return this.#keep(bytes.subarray(at));
  }

  /** Goes on with a packet that began earlier. @returns what comes after it */
  #complete(bytes: Buffer): Buffer {
    if (this.#have < 4) {
      const missing = 4 - this.#have;
      this.#keep(bytes.subarray(0, missing));
      return bytes.subarray(missing);
    }
    const end = 4 + checkLength(this.#parts.readUInt32BE(0));
    const missing = end - this.#have;
    this.#keep(bytes.subarray(0, missing));
    if (this.#have === end) {
      this.#have = 0;
      this.#onPacket(this.#parts.subarray(4, end));
    }
    return bytes.subarray(missing);
  }

  #keep(bytes: Buffer): Buffer {
    const needed = this.#have + bytes.length;
    if (needed > this.#parts.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#parts.length));
      this.#parts.copy(larger, 0, 0, this.#have);
      this.#parts = larger;
    }
    bytes.copy(this.#parts, this.#have);
    this.#have = needed;
    return Buffer.alloc(0);
  }
}

function checkLength(length: number): number {
  if (length === 0 || length > longestPacket) throw new RangeError(`a packet of ${length} bytes`);
  return length;
}
