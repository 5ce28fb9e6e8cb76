import type { Node } from '../../server/protocol/entities.ts';
import type { Collections } from '../model/liveModel.ts';
import { t } from '../text/language.ts';
import { formatBytes, formatCount, formatValue } from '../text/number.ts';
import { clockTime, exactTime } from '../text/time.ts';
import { looks } from './icons.ts';
import { click, facts, type Row, tooltip } from './row.ts';

/** Who holds a GPU that a program of somebody else uses. */
const foreignHolder = 'foreign';

/** The view Cluster: nodes with what is held of them, and who waits. */
export function clusterRows(items: Collections): Row[] {
  const nodes = [...items('nodes').values()].sort((a, b) => a.name.localeCompare(b.name));
  const title = (id: string) => {
    if (id === foreignHolder) return t('another program');
    const run = items('runs').get(id);
    return run?.title ?? id;
  };
  return nodes.map(
    (node): Row => ({
      id: `node/${node.id}`,
      label: node.name,
      description: nodeState(node),
      tooltip: tooltip(node.name, [
        [t('Memory'), t('{0} of {1}', formatBytes(node.memoryUsedBytes), formatBytes(node.memoryBytes))],
        [t('Last seen'), node.lastSeenAt > 0 ? exactTime(node.lastSeenAt) : ''],
      ]),
      icon: { name: 'server' },
      expanded: true,
      children: () => [...node.gpus.map((gpu) => gpuRow(node, gpu, title)), ...queueRow(node, title)],
    }),
  );
}

/** `8×H200 · 6 in use`, or the cores where there is no GPU. */
export function nodeState(node: Node): string {
  const used = node.gpus.filter((gpu) => gpu.holder !== null).length;
  return facts(
    node.gpus.length > 0 && `${node.gpus.length}×${node.gpus[0]!.product}`,
    node.gpus.length > 0 && t('{0} in use', used),
    t('{0} of {1} CPU', formatValue(node.cpusUsed), formatValue(node.cpus)),
  );
}

function gpuRow(node: Node, gpu: Node['gpus'][number], title: (id: string) => string): Row {
  return {
    id: `node/${node.id}/gpu/${gpu.index}`,
    label: t('GPU {0}', gpu.index),
    description: facts(gpu.holder === null ? t('free') : title(gpu.holder), gpu.product, formatBytes(gpu.memoryBytes)),
    icon: gpu.holder === null ? looks.quiet : { name: 'circle-filled', color: 'charts.blue' },
  };
}

function queueRow(node: Node, title: (id: string) => string): Row[] {
  if (node.queue.length === 0) return [];
  const queue = [...node.queue].sort((a, b) => a.position - b.position);
  return [
    {
      id: `node/${node.id}/queue`,
      label: t('queue'),
      description: formatCount(queue.length),
      icon: { name: 'list-ordered' },
      expanded: true,
      children: () =>
        queue.map(
          (entry): Row => ({
            id: `node/${node.id}/queue/${entry.id}`,
            label: `${entry.position}. ${title(entry.id)}`,
            description: facts(
              entry.reason,
              entry.estimatedStart !== undefined && t('about {0}', clockTime(entry.estimatedStart)),
            ),
            icon: looks.waiting,
            subject: { kind: 'run', id: entry.id },
            command: click('slipway.openRun', { kind: 'run', id: entry.id }),
          }),
        ),
    },
  ];
}
