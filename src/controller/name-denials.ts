import type { DeniedName } from '../network/names/denied-name.ts';

/** Who knows which names were refused: the resolver, where one runs. */
export interface NameDenials {
  /** Names that a sandbox was not given the addresses of, the last one first. */
  denials(uid: string): readonly DeniedName[];
  /** The name whose answer an address was, as far as it is still known. */
  nameOf(uid: string, address: string): string | undefined;
}
