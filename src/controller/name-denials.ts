import type { DeniedName } from '../network/names/denied-name.ts';

/** Who knows which names were refused. */
export interface NameDenials {
  denials(uid: string): readonly DeniedName[];
  /** The name that led a sandbox to an address, as far as that is still known. */
  nameOf(uid: string, address: string): string | undefined;
}
