/** A name that a sandbox was not given the addresses of. Times are milliseconds since 1970. */
export interface NameDenial {
  readonly name: string;
  /** Type of the question: `A`, `AAAA`, … */
  readonly type: string;
  readonly reason: 'unlisted' | 'private answer' | 'known resolver' | 'suspicious' | 'rate';
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

/** Who knows which names were refused: the resolver, where one runs. */
export interface NameDenials {
  denials(uid: string): readonly NameDenial[];
  /** The name whose answer an address was, as far as it is still known. */
  nameOf?(uid: string, address: string): string | undefined;
}
