/** A number of 32 bits as SFTP sends it. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A number of 64 bits as SFTP sends it. */
export function uint64(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** Bytes with their length before them: names, paths, handles, data. */
export function string(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** Reads the fields of a packet one after the other. Every method throws RangeError where the packet ends too soon. */
export class FieldReader {
  readonly #packet: Buffer;
  #at = 0;

  constructor(packet: Buffer) {
    this.#packet = packet;
  }

  uint8(): number {
    return this.#packet.readUInt8(this.#skip(1));
  }

  uint32(): number {
    return this.#packet.readUInt32BE(this.#skip(4));
  }

  /** Sizes beyond 2^53 come out as infinity: nobody has room for them. */
  uint64(): number {
    const value = this.#packet.readBigUInt64BE(this.#skip(8));
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
  }

  /** Bytes that are only valid as long as the packet is. */
  string(): Buffer {
    const length = this.uint32();
    const from = this.#skip(length);
    return this.#packet.subarray(from, from + length);
  }

  #skip(length: number): number {
    const at = this.#at;
    if (at + length > this.#packet.length) throw new RangeError('a packet that ends too soon');
    this.#at += length;
    return at;
  }
}
