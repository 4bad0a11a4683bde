import type { Monitoring } from '../../spec/monitoring.ts';
import type { Match, Response } from '../detection.ts';
import type { Severity } from '../severity.ts';

const bySeverity: Readonly<Record<Severity, Response>> = {
  info: 'log',
  warning: 'alert',
  high: 'freeze',
  critical: 'kill',
};

/**
 * What follows from a detection: what its rule says, or its severity, as far as the sandbox allows it. Without leave to
 * kill it is frozen; without leave to freeze its network stays as well, and somebody is told. A rule that is not `stable` tells somebody at most.
 */
export function responseTo(
  { severity, response = bySeverity[severity], maturity }: Match['rule'],
  { freezesOnHigh, killsOnCritical }: Pick<Monitoring, 'freezesOnHigh' | 'killsOnCritical'>,
): Response {
  if (response === 'log' || response === 'alert') return response;
  if (maturity !== 'stable') return 'alert';
  if (response === 'kill' && killsOnCritical) return 'kill';
  if (!freezesOnHigh) return 'alert';
  return response === 'network' ? 'network' : 'freeze';
}
