/** The cluster's certificates and kubeconfigs, by openssl, anew for each cluster. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { apiServer, controlPlane, folder, kubeconfig, nodes, serviceAddress } from './layout.ts';
import { execute } from './processes.ts';

const pki = path.join(folder, 'pki');

/** The path of a file below the folder of certificates. */
export function pkiFile(name: string): string {
  return path.join(pki, name);
}

export function kubeconfigOf(user: string): string {
  return path.join(pki, `${user}.kubeconfig`);
}

export async function makeCertificates(): Promise<void> {
  mkdirSync(pki, { recursive: true, mode: 0o700 });
  await makeAuthority('ca');
  await makeAuthority('front-proxy-ca');
  await execute(['openssl', 'genrsa', '-out', pkiFile('service-account.key'), '2048']);
  await execute([
    'openssl',
    'rsa',
    '-in',
    pkiFile('service-account.key'),
    '-pubout',
    '-out',
    pkiFile('service-account.pub'),
  ]);
  const names = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
    'localhost',
  ];
  const addresses = ['127.0.0.1', controlPlane.address, serviceAddress];
  const users: [name: string, subject: string][] = [
    ['admin', '/O=system:masters/CN=admin'],
    ['controllers', '/CN=system:kube-controller-manager'],
    ['scheduler', '/CN=system:kube-scheduler'],
    ['proxy', '/O=system:node-proxiers/CN=system:kube-proxy'],
    ['dns', '/O=system:masters/CN=coredns'],
    ['kwok', '/O=system:masters/CN=kwok'],
    ['apiserver-kubelet', '/O=system:masters/CN=kube-apiserver-kubelet-client'],
    ...nodes.map(({ name }): [string, string] => [name, `/O=system:nodes/CN=system:node:${name}`]),
  ];
  await makeCertificate('ca', 'apiserver', '/CN=kube-apiserver', [
    ...names.map((name) => `DNS:${name}`),
    ...addresses.map((address) => `IP:${address}`),
  ]);
  await makeCertificate('front-proxy-ca', 'front-proxy', '/CN=front-proxy-client', []);
  for (const [name, subject] of users) {
    await makeCertificate('ca', name, subject, []);
    writeKubeconfig(kubeconfigOf(name), name);
  }
  writeKubeconfig(kubeconfig, 'admin');
}

async function makeAuthority(name: string): Promise<void> {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    pkiFile(`${name}.key`),
  ];
  const subject = ['-subj', `/CN=slipway-test-${name}`, '-days', '3650', '-out', pkiFile(`${name}.crt`)];
  await execute(['openssl', 'req', '-x509', ...key, ...subject]);
}

async function makeCertificate(
  authority: string,
  name: string,
  subject: string,
  alternatives: string[],
): Promise<void> {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    pkiFile(`${name}.key`),
  ];
  const usage = ['-addext', 'keyUsage=digitalSignature', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'];
  const san = alternatives.length > 0 ? ['-addext', `subjectAltName=${alternatives.join(',')}`] : [];
  const signed = ['-CA', pkiFile(`${authority}.crt`), '-CAkey', pkiFile(`${authority}.key`), '-days', '3650'];
  await execute([
    ...['openssl', 'req', '-x509', ...key, '-subj', subject, ...usage, ...san, ...signed],
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-out', pkiFile(`${name}.crt`)],
  ]);
}

function writeKubeconfig(file: string, user: string): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'slipway-test', cluster: { server: apiServer, 'certificate-authority': pkiFile('ca.crt') } }],
    users: [
      { name: user, user: { 'client-certificate': pkiFile(`${user}.crt`), 'client-key': pkiFile(`${user}.key`) } },
    ],
    contexts: [{ name: 'slipway-test', context: { cluster: 'slipway-test', user, namespace: 'default' } }],
    'current-context': 'slipway-test',
  };
  writeFileSync(file, JSON.stringify(config, null, 2), { mode: 0o600 });
}
