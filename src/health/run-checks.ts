import { Problem } from '../base/problem.ts';
import type { CheckStatus, Finding, HealthCheck } from './check.ts';
import type { Sight } from './sight.ts';
import { isUnseen } from './unseen.ts';

/** What all checks found, as JSON output has it. Unknown ones count for neither good nor bad. */
export interface HealthReport {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** RFC 3339. */
  readonly timestamp: string;
  readonly checks: Readonly<Record<string, Finding & { readonly name: string }>>;
  readonly summary: {
    readonly total: number;
    readonly passed: number;
    readonly warnings: number;
    readonly failed: number;
    readonly unknown: number;
  };
}

/** Makes every check; one that cannot be made is a finding of its own. */
export async function runChecks(checks: readonly HealthCheck[], sight: Sight, now: number): Promise<HealthReport> {
  const found = await Promise.all(
    checks.map(async (check) => [check.name, { name: check.name, ...(await look(check, sight)) }] as const),
  );
  const count = (status: CheckStatus) => found.filter(([, finding]) => finding.status === status).length;
  const summary = {
    total: found.length,
    passed: count('ok'),
    warnings: count('warning'),
    failed: count('failed'),
    unknown: count('unknown'),
  };
  return {
    status: summary.failed > 0 ? 'unhealthy' : summary.warnings > 0 ? 'degraded' : 'healthy',
    timestamp: new Date(now).toISOString(),
    checks: Object.fromEntries(found),
    summary,
  };
}

async function look(check: HealthCheck, sight: Sight): Promise<Finding> {
  try {
    return await check.look(sight);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { message, hint } = error;
    const status = isUnseen(error) ? 'unknown' : 'failed';
    return { status, message, ...(hint !== undefined && { fix: [`# ${hint}`] }) };
  }
}
