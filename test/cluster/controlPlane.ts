/** etcd, API server, controllers and scheduler of the test cluster. */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import path from 'node:path';
import { controlPlane, folder, podCidr, serviceCidr } from './layout.ts';
import { kubeconfigOf, pkiFile } from './pki.ts';
import { startComponent, waitFor } from './processes.ts';

export async function startControlPlane(kubernetes: string): Promise<void> {
  startEtcd();
  startApiServer(kubernetes);
  await apiServerReady();
  startControllers(kubernetes);
  startScheduler(kubernetes);
}

export function startEtcd(): void {
  startComponent('etcd', controlPlane, [
    'etcd',
    '--data-dir',
    path.join(folder, 'etcd'),
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    '--unsafe-no-fsync', // tests need no etcd that survives a power cut
    // The API server's caches learn from it that nothing has changed; without it they are behind after a restart.
    '--experimental-watch-progress-notify-interval=2s',
    '--log-level=warn',
  ]);
}

export function startApiServer(kubernetes: string): void {
  startComponent('apiserver', controlPlane, [
    kubernetes,
    'kube-apiserver',
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${controlPlane.address}`,
    '--secure-port=6443',
    `--client-ca-file=${pkiFile('ca.crt')}`,
    `--tls-cert-file=${pkiFile('apiserver.crt')}`,
    `--tls-private-key-file=${pkiFile('apiserver.key')}`,
    `--kubelet-client-certificate=${pkiFile('apiserver-kubelet.crt')}`,
    `--kubelet-client-key=${pkiFile('apiserver-kubelet.key')}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${pkiFile('service-account.pub')}`,
    `--service-account-signing-key-file=${pkiFile('service-account.key')}`,
    `--service-cluster-ip-range=${serviceCidr}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    // Aggregated APIs need these.
    `--requestheader-client-ca-file=${pkiFile('front-proxy-ca.crt')}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pkiFile('front-proxy.crt')}`,
    `--proxy-client-key-file=${pkiFile('front-proxy.key')}`,
  ]);
}

export function startControllers(kubernetes: string): void {
  startComponent('controllers', controlPlane, [
    kubernetes,
    'kube-controller-manager',
    `--kubeconfig=${kubeconfigOf('controllers')}`,
    `--service-account-private-key-file=${pkiFile('service-account.key')}`,
    `--root-ca-file=${pkiFile('ca.crt')}`,
    `--cluster-signing-cert-file=${pkiFile('ca.crt')}`,
    `--cluster-signing-key-file=${pkiFile('ca.key')}`,
    `--cluster-cidr=${podCidr}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    // A thousand Jobs at once must not wait for the client-side limit of the controllers.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
    '--concurrent-job-syncs=20',
  ]);
}

export function startScheduler(kubernetes: string): void {
  startComponent('scheduler', controlPlane, [
    kubernetes,
    'kube-scheduler',
    `--kubeconfig=${kubeconfigOf('scheduler')}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ]);
}

export function apiServerReady(limitMs = 60_000): Promise<void> {
  return waitFor('The API server is not ready', limitMs, askReady);
}

function askReady(): Promise<void> {
  const options = {
    host: controlPlane.address,
    port: 6443,
    path: '/readyz',
    ca: readFileSync(pkiFile('ca.crt')),
    cert: readFileSync(pkiFile('admin.crt')),
    key: readFileSync(pkiFile('admin.key')),
    timeout: 2000,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const asked = request(options, (answer) => {
      answer.resume();
      if (answer.statusCode === 200) resolve();
      else reject(new Error(`/readyz answers ${answer.statusCode}`));
    });
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.end();
  });
}
