/** A namespace of the test cluster with a bucket of its own, and Kubernetes runtimes that work in it. */

import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { Client } from 'minio';
import {
  KubernetesRuntime,
  type KubernetesRuntimeOptions,
  type PodSettings,
} from '../../../server/runtimes/kubernetes/index.ts';
import type { RuntimePlace } from '../../integration/runtimes/conformance.ts';
import { root } from '../../run/process.ts';
import { agentImage, baseImage } from '../images.ts';
import { apply, type Kubectl } from '../kubectl.ts';
import { kubeconfig, minio } from '../layout.ts';

export interface KubernetesPlace extends RuntimePlace {
  namespace: string;
  runtime(
    options?: Partial<KubernetesRuntimeOptions> & { settings?: Partial<PodSettings> },
  ): Promise<KubernetesRuntime>;
}

/** @param kubectl as administrator of the running test cluster */
export async function makeKubernetesPlace(kubectl: Kubectl): Promise<KubernetesPlace> {
  const namespace = `t-${randomBytes(4).toString('hex')}`;
  const store = {
    endpoint: `http://${minio.address}`,
    accessKey: minio.user,
    secretKey: minio.password,
    bucket: namespace,
    prefix: '',
  };
  const [host = '', port] = minio.address.split(':');
  const client = new Client({
    endPoint: host,
    port: Number(port),
    useSSL: false,
    accessKey: minio.user,
    secretKey: minio.password,
  });
  await client.makeBucket(namespace);
  await apply(kubectl, [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      // What does not keep the restricted profile is refused here.
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'slipway-store', namespace },
      stringData: { 'store.json': JSON.stringify(store) },
    },
  ]);
  const config = await asServiceAccount(kubectl, namespace);
  const runtimes: KubernetesRuntime[] = [];
  return {
    namespace,
    async runtime({ settings, ...options } = {}) {
      const pods: PodSettings = {
        namespace,
        image: baseImage,
        agentImage,
        storeSecret: 'slipway-store',
        uid: 10_001,
        gid: 10_001,
        supplementalGroups: [],
        pullSecrets: [],
        nodeSelector: {},
        tolerations: [],
        ...settings,
      };
      const runtime = new KubernetesRuntime({ config, pods, store, ...options });
      runtimes.push(runtime);
      return runtime;
    },
    async close() {
      for (const runtime of runtimes) runtime.close();
      await kubectl(['delete', 'namespace', namespace, '--wait=false']);
      await kubectl(['delete', 'clusterrolebinding', `slipway-capacity-${namespace}`]);
    },
  };
}

/** The identity that the deployment gives the control plane, with these rights and no others. */
async function asServiceAccount(kubectl: Kubectl, namespace: string): Promise<KubeConfig> {
  await kubectl(['apply', '-f', path.join(root, 'resources/deploy/base/rbac.yaml')]);
  const subjects = [{ kind: 'ServiceAccount', name: 'slipway', namespace }];
  const bind = (kind: string, name: string, role: string) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind,
    metadata: { name, ...(kind === 'RoleBinding' ? { namespace } : {}) },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects,
  });
  await apply(kubectl, [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'slipway', namespace } },
    bind('RoleBinding', 'slipway-workloads', 'slipway-workloads'),
    bind('ClusterRoleBinding', `slipway-capacity-${namespace}`, 'slipway-capacity'),
  ]);
  const token = await kubectl(['create', 'token', 'slipway', '-n', namespace, '--duration=2h']);
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster()!;
  config.loadFromOptions({
    clusters: [cluster],
    users: [{ name: 'slipway', token: token.trim() }],
    contexts: [{ name: 'slipway', cluster: cluster.name, user: 'slipway' }],
    currentContext: 'slipway',
  });
  return config;
}
