/** Cluster DNS: CoreDNS as a process beside the API server, behind the usual Service. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { apply, type Kubectl } from './kubectl.ts';
import { controlPlane, dnsAddress, folder } from './layout.ts';
import { kubeconfigOf } from './pki.ts';
import { startComponent } from './processes.ts';

const port = 1053;

export async function startDns(coredns: string, kubectl: Kubectl): Promise<void> {
  const corefile = path.join(folder, 'Corefile');
  writeFileSync(
    corefile,
    `.:${port} {
  bind ${controlPlane.address}
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig ${kubeconfigOf('dns')}
    pods insecure
  }
}
`,
  );
  startComponent('coredns', controlPlane, [coredns, '-conf', corefile]);
  await apply(kubectl, service());
}

/** A Service without a selector: its endpoints are the process. */
function service(): object[] {
  const metadata = { name: 'kube-dns', namespace: 'kube-system' };
  const ports = ['UDP', 'TCP'].map((protocol) => ({
    name: `dns-${protocol.toLowerCase()}`,
    port: 53,
    protocol,
    targetPort: port,
  }));
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: dnsAddress, ports } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kube-dns' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [controlPlane.address], conditions: { ready: true } }],
      ports: ports.map(({ name, protocol }) => ({ name, protocol, port })),
    },
  ];
}
