import type { Outcome } from '../detection.ts';
import type { Severity } from '../severity.ts';
import type { DetectionRecord } from './record.ts';

/*
 * The Open Cybersecurity Schema Framework, https://schema.ocsf.io/1.3.0/classes/detection_finding: what many programs that
 * collect security events read. Numbers are the schema's.
 */

/** Class Detection Finding, in the category Findings, and its activity Create. */
const findings = 2;
const detectionFinding = 2004;
const create = 1;

const severityIds: Readonly<Record<Severity, readonly [number, string]>> = {
  info: [1, 'Informational'],
  warning: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
};

/** What became of it: disposition_id of the profile Security Control. */
const dispositions: Readonly<Record<Outcome, readonly [number, string]>> = {
  logged: [17, 'Logged'],
  deduplicated: [17, 'Logged'],
  'logged (already paused)': [17, 'Logged'],
  alerted: [19, 'Alert'],
  isolated: [4, 'Isolated'],
  paused: [3, 'Quarantined'],
  killed: [2, 'Blocked'],
  failed: [27, 'Error'],
};
const deniedBy: readonly Outcome[] = ['isolated', 'paused', 'killed'];

/** The evidence of a record, as far as the schema has a place for it. */
interface KnownEvidence {
  readonly process?: RecordedProcess & { readonly parents?: readonly RecordedProcess[] };
  readonly network?: {
    readonly connection: { readonly protocol: string; readonly local_addr: string; readonly remote_addr: string };
    readonly remote_host?: string;
  };
  readonly file?: { readonly path: string };
  readonly dns?: { readonly name: string; readonly type: string };
}

interface RecordedProcess {
  readonly pid: number;
  readonly user: string;
  readonly name: string;
  readonly program: string;
  readonly command: string;
}

/**
 * A line of the detection log as an OCSF event of the class Detection Finding.
 *
 * @param version of coi
 */
export function ocsfOf(record: DetectionRecord, { version }: { readonly version: string }): object {
  const [severityId, severity] = severityIds[record.level];
  const [dispositionId, disposition] = dispositions[record.action];
  const isDenied = deniedBy.includes(record.action);
  const time = Date.parse(record.timestamp);
  return {
    activity_id: create,
    activity_name: 'Create',
    category_uid: findings,
    category_name: 'Findings',
    class_uid: detectionFinding,
    class_name: 'Detection Finding',
    type_uid: detectionFinding * 100 + create,
    type_name: 'Detection Finding: Create',
    severity_id: severityId,
    severity,
    time,
    status_id: 1,
    status: 'New',
    message: record.description,
    count: record.count ?? 1,
    is_alert: record.action !== 'logged' && record.action !== 'deduplicated',
    action_id: isDenied ? 2 : 3,
    action: isDenied ? 'Denied' : 'Observed',
    disposition_id: dispositionId,
    disposition,
    metadata: {
      version: '1.3.0',
      product: { name: 'coi', vendor_name: 'coi', version, feature: { name: 'monitor' } },
      profiles: ['security_control'],
      uid: record.id,
      sequence: record.seq,
      logged_time: Date.parse(record.ts),
      log_name: 'detections',
    },
    finding_info: findingOf(record, time),
    resources: [{ type: 'container', name: record.container_name, uid: record.uid, data: { sandbox: record.sandbox } }],
    evidences: [evidenceOf(record)],
    unmapped: { hash: record.hash, prev_hash: record.prevHash, action: record.action },
  };
}

function findingOf({ id, title, description, rule, mitre, category, sensor }: DetectionRecord, time: number): object {
  return {
    uid: id,
    title,
    desc: description,
    created_time: time,
    types: [category],
    analytic: { type_id: 1, type: 'Rule', name: rule, uid: rule },
    data_sources: sensor === undefined ? [] : [sensor],
    ...(mitre !== '' && { attacks: [attackOf(mitre)] }),
  };
}

/** `T1059.004` is a part of the technique `T1059`. */
function attackOf(mitre: string): object {
  const [technique = mitre] = mitre.split('.', 1);
  return { technique: { uid: technique }, ...(technique !== mitre && { sub_technique: { uid: mitre } }) };
}

function evidenceOf(record: DetectionRecord): object {
  const { process, network, file, dns } = record.evidence as KnownEvidence;
  return {
    // All that was recorded, in our own words.
    data: record.evidence,
    ...(process && { process: processOf(process, process.parents) }),
    ...(network && connectionOf(network)),
    ...(file && { file: fileOf(file.path) }),
    ...(dns && { query: { hostname: dns.name, type: dns.type } }),
  };
}

/** A process below its parents, the nearest first. */
function processOf(
  { pid, user, name, program, command }: RecordedProcess,
  [parent, ...above]: readonly RecordedProcess[] = [],
): object {
  return {
    pid,
    name,
    cmd_line: command,
    ...(user !== '' && { user: { uid: user } }),
    ...(program !== '' && { file: fileOf(program) }),
    ...(parent && { parent_process: processOf(parent, above) }),
  };
}

function fileOf(path: string): object {
  return { path, name: path.slice(path.lastIndexOf('/') + 1), type_id: 1, type: 'Regular File' };
}

function connectionOf({ connection, remote_host: name }: NonNullable<KnownEvidence['network']>): object {
  const { protocol, local_addr: local, remote_addr: remote } = connection;
  return {
    src_endpoint: endpointOf(local),
    dst_endpoint: { ...endpointOf(remote), ...(name !== undefined && { hostname: name }) },
    connection_info: { direction_id: 2, direction: 'Outbound', protocol_name: protocol },
  };
}

/** `10.0.0.1`, `10.0.0.1:443` or `[fd00::1]:443`. */
function endpointOf(place: string): object {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(place) ?? [];
  return { ip: bracketed ?? plain ?? place, ...(port !== undefined && { port: Number(port) }) };
}
