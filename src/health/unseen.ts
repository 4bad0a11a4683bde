import { Problem } from '../base/problem.ts';
import { warning, type Finding } from './check.ts';

/** Codes of problems that say nothing about what is looked at, only about who asks, or that another check tells of. */
const codes = new Set([
  'health.not-root',
  'health.no-bridge',
  'health.no-incus',
  'health.untried',
  'health.nft-broke',
  'nft.permission',
  'xfrm.permission',
]);

/** Whether something could not be looked at, which makes it neither good nor bad. */
export function isUnseen({ code }: Problem): boolean {
  return codes.has(code);
}

/** A look that tells little when it fails: what could not be asked is worth a warning, and no more. */
export async function orWarning(look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof Problem) || isUnseen(error)) throw error;
    return warning(error.message, error.hint === undefined ? [] : [`# ${error.hint}`]);
  }
}
