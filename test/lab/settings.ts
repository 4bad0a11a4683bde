/** What a lab's controller is told unless a test says more: its storage pool. */
const usual = '[incus]\nstorage_pool = "default"\n';

/** Sandboxes are watched, and nothing that is tried in them is answered by more than a line. */
export const watchedOnly = '[monitoring]\nauto_pause_on_high = false\nauto_kill_on_critical = false\n';

/** How settings of a lab are made. */
export interface LabSettings {
  /** Instead of the lab's storage pool alone. */
  readonly settings?: string;
  /** Whether sandboxes are watched, as they are by default outside of labs. */
  readonly monitoring?: boolean;
}

/**
 * Text of the settings file of a lab. Nothing is watched unless a test asks for it: each controller would start a bpftrace of
 * its own, and they all see every process of the machine. A text with a `[monitoring]` of its own stays as it is.
 */
export function labSettings({ settings = usual, monitoring = false }: LabSettings = {}): string {
  const isSaid = monitoring || /^\[monitoring\b/m.test(settings);
  return isSaid ? settings : `${settings}\n[monitoring]\nenabled = false\n`;
}
