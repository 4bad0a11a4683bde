import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** A query of a panel of the Grafana dashboard. */
export interface DashboardQuery {
  readonly panel: string;
  readonly expression: string;
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr: string }[] };
}

export const dashboard = JSON.parse(readFileSync(resolve('deploy/grafana/coi.json'), 'utf8')) as Dashboard;

/** Every query of the dashboard's panels, as Grafana would send it with everything selected. */
export function dashboardQueries(): DashboardQuery[] {
  return dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expression: substitute(expr) })),
  );
}

/** Queries that mark moments in all panels; they may well be empty. */
export function annotationQueries(): DashboardQuery[] {
  return dashboard.annotations.list.map(({ name, expr }) => ({ panel: name, expression: substitute(expr) }));
}

function substitute(expression: string): string {
  return expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m').replaceAll('$__interval', '1m');
}
