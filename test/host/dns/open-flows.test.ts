import { expect, test } from 'vitest';
import { flowOf } from '../../../src/host/dns/open-flows.ts';

test.each([
  [
    'ipv4     2 tcp      6 431999 ESTABLISHED src=10.90.0.20 dst=203.0.113.10 sport=4242 dport=443 src=203.0.113.10 dst=203.0.113.1 sport=443 dport=4242 [ASSURED] mark=5 use=1',
    '10.90.0.20 203.0.113.10',
  ],
  [
    'tcp      6 60 CLOSE_WAIT src=10.90.0.20 dst=203.0.113.10 sport=1 dport=443 src=203.0.113.10 dst=203.0.113.1 sport=443 dport=1 mark=0 use=1',
    '10.90.0.20 203.0.113.10',
  ],
  [
    'ipv6     10 udp      17 29 src=fd42:0090:0000:0000:0000:0000:0000:0020 dst=2001:0db8:0113:0000:0000:0000:0000:0010 sport=1 dport=443 src=2001:db8:113::10 dst=2001:db8:113::1 sport=443 dport=1 mark=0 use=2',
    'fd42:90::20 2001:db8:113::10',
  ],
  [
    'tcp      6 100 TIME_WAIT src=10.90.0.20 dst=203.0.113.10 sport=1 dport=443 src=203.0.113.10 dst=10.90.0.20 sport=443 dport=1',
    undefined,
  ],
  [
    'tcp      6 5 CLOSE src=10.90.0.20 dst=203.0.113.10 sport=1 dport=443 src=203.0.113.10 dst=10.90.0.20 sport=443 dport=1',
    undefined,
  ],
  ['conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.', undefined],
  ['', undefined],
])('%j', (line, flow) => {
  expect(flowOf(line)).toBe(flow);
});
