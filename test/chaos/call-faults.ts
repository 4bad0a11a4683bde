import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { between, type Fault, type FaultContext } from './fault.ts';
import { refusal, type Answer, type Interceptor, type SeenCall } from './proxy.ts';

type Act = (call: SeenCall, forward: () => Promise<Answer>, context: FaultContext) => Promise<Answer | 'lost'>;

/** A fault of the one call at the plan's index. */
function callFault(name: string, faultClass: string, act: Act): readonly Fault[] {
  return (['write', 'read'] as const).map((at) => ({
    name: at === 'write' ? name : `${name}-read`,
    class: faultClass,
    at,
    arm: (context: FaultContext) => {
      const intercept: Interceptor = (call, forward) => {
        if (call.index !== context.plan.index) return forward();
        context.fire();
        const acting = act(call, forward, context);
        context.beside(acting);
        return acting;
      };
      context.stage.proxy.intercept = intercept;
    },
  }));
}

/** Resolves when it is dead: whoever looks then does not take it for alive. */
async function kill({ stage }: FaultContext): Promise<void> {
  await stage.controller.stop('SIGKILL');
}

const longestHangMs = 2_500;

const statuses = {
  400: 'Bad request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition failed',
  500: 'database is locked',
};

/** F1, F2 and F7: what happens to one call. */
export const callFaults: readonly Fault[] = [
  ...callFault('crash-before', 'F1', async (_, __, context) => {
    await kill(context);
    return 'lost';
  }),
  ...callFault('crash-after', 'F1', async (_, forward, context) => {
    await forward();
    await sleep(between(context.random, 0, 3) * 60);
    await kill(context);
    return 'lost';
  }),
  ...callFault('lost-reply', 'F2', async (_, forward) => {
    await forward();
    return 'lost';
  }).slice(0, 1),
  ...Object.entries(statuses).flatMap(([status, text]) =>
    callFault(`status-${status}`, 'F7', async () => refusal(Number(status), text)),
  ),
  ...callFault('hang', 'F7', async (_, __, { random }) => {
    await sleep(between(random, 800, longestHangMs));
    return 'lost';
  }),
  ...callFault('slow', 'F7', async (_, forward, { random }) => {
    const answer = await forward();
    await sleep(between(random, 300, longestHangMs));
    return answer;
  }),
  ...callFault('truncated', 'F7', async (_, forward) => {
    const answer = await forward();
    return { ...answer, cutAt: Math.floor(answer.body.length / 2) };
  }),
  ...callFault('garbled', 'F7', async (_, forward) => {
    const answer = await forward();
    return { ...answer, body: answer.body.subarray(0, Math.floor(answer.body.length / 2)) };
  }),
  ...callFault('overdue', 'F7', async (_, __, { random }) => {
    // Longer than the client's own deadline of 30 s.
    await sleep(31_000 + random() * 1_000);
    return 'lost';
  }),
  {
    name: 'operation-fails',
    class: 'F7',
    at: 'write',
    arm: (context) => failOperation(context),
  },
  { name: 'stale', class: 'F4', at: 'read', arm: (context) => serveStale(context) },
];

const operationErrors = [
  'Failed creating instance from image: no space left on device',
  'Failed to run: forkstart: exit status 1',
  'The instance is already running',
  'Instance is busy running a "start" operation',
  'Failed rename: device or resource busy',
];

/** The call is accepted, but its operation fails; incusd did nothing. */
function failOperation(context: FaultContext): void {
  const { stage, plan, random, fire } = context;
  const id = randomUUID();
  const failed = {
    id,
    class: 'task',
    description: 'Made to fail',
    status: 'Failure',
    status_code: 400,
    resources: {},
    metadata: null,
    err: operationErrors[between(random, 0, operationErrors.length - 1)],
  };
  const json = (status: number, value: unknown): Answer => ({
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(value)),
  });
  stage.proxy.intercept = async (call, forward) => {
    if (call.path.includes(id))
      return json(200, { type: 'sync', status: 'Success', status_code: 200, metadata: failed });
    if (call.index !== plan.index) return forward();
    // A change of configuration is done when it answers: there is no operation that could fail.
    if (call.method === 'PATCH') {
      fire();
      return refusal(500, String(failed.err));
    }
    fire();
    const event = { type: 'operation', timestamp: new Date().toISOString(), project: 'default', metadata: failed };
    context.beside(sleep(60).then(() => stage.proxy.events.inject?.(JSON.stringify(event))));
    const running = { ...failed, status: 'Running', status_code: 103, err: '' };
    return json(202, {
      type: 'async',
      status: 'Operation created',
      status_code: 100,
      operation: `/1.0/operations/${id}`,
      metadata: running,
    });
  };
}

/** From the index on, a few reads of instances give what the same read gave before. */
function serveStale({ stage, plan, random, fire }: FaultContext): void {
  const history = new Map<string, Answer[]>();
  let left = between(random, 1, 4);
  let isArmed = false;
  stage.proxy.intercept = async (call, forward) => {
    const answer = await forward();
    if (call.index === plan.index) isArmed = true;
    if (call.isWrite || !call.path.startsWith('/1.0/instances')) return answer;
    const older = history.get(call.path) ?? [];
    const others = older.filter(({ body }) => !body.equals(answer.body));
    history.set(call.path, [...others, answer].slice(-6));
    const old = others.at(-between(random, 1, Math.max(1, others.length)));
    if (!isArmed || left === 0 || !old) return answer;
    left -= 1;
    fire();
    return old;
  };
}
