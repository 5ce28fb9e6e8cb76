/** The cluster's own network: a bridge on the host, a network namespace a place, routes between the pods of nodes. */
import { existsSync, readdirSync } from 'node:fs';
import { bridge, controlPlane, type Node, nodes, type Place } from './layout.ts';
import { execute, inside } from './processes.ts';

export async function makeNetwork(): Promise<void> {
  await execute(['ip', 'link', 'add', bridge.name, 'type', 'bridge']);
  await execute(['ip', 'addr', 'add', `${bridge.address}/${bridge.prefix}`, 'dev', bridge.name]);
  await execute(['ip', 'link', 'set', bridge.name, 'up']);
  await Promise.all([controlPlane, ...nodes].map(makePlace));
  for (const place of [controlPlane, ...nodes]) {
    for (const node of nodes.filter((one) => one.name !== place.name)) {
      await execute(inside(place, ['ip', 'route', 'add', node.podSubnet, 'via', node.address]));
    }
  }
}

export async function removeNetwork(): Promise<void> {
  for (const { namespace } of [controlPlane, ...nodes]) {
    if (existsSync(`/var/run/netns/${namespace}`)) await execute(['ip', 'netns', 'del', namespace]);
  }
  if (existsSync(`/sys/class/net/${bridge.name}`)) await execute(['ip', 'link', 'del', bridge.name]);
  // CNI leaves a namespace a pod when its kubelet was ended before the pod.
  for (const name of existsSync('/var/run/netns') ? readdirSync('/var/run/netns') : []) {
    if (name.startsWith('cni-')) await execute(['ip', 'netns', 'del', name]).catch(() => {});
  }
}

/** Cuts a node off, as a pulled cable does, or puts the cable back. */
export async function setCable(node: Node, state: 'up' | 'down'): Promise<void> {
  await execute(['ip', 'link', 'set', outerEnd(node), state]);
}

async function makePlace(place: Place): Promise<void> {
  const outer = outerEnd(place);
  await execute(['ip', 'netns', 'add', place.namespace]);
  await execute(['ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', place.namespace]);
  await execute(['ip', 'link', 'set', outer, 'master', bridge.name, 'up']);
  const commands = [
    ['ip', 'link', 'set', 'lo', 'up'],
    ['ip', 'addr', 'add', `${place.address}/${bridge.prefix}`, 'dev', 'eth0'],
    ['ip', 'link', 'set', 'eth0', 'up'],
    ['ip', 'route', 'add', 'default', 'via', bridge.address],
    ['sysctl', '-qw', 'net.ipv4.ip_forward=1'],
  ];
  for (const argv of commands) await execute(inside(place, argv));
}

/** Names of network devices have 15 characters at most. */
function outerEnd(place: Place): string {
  return `sw-${place.name}`;
}
