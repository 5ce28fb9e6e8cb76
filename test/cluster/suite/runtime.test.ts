/** The Kubernetes runtime against the real test cluster. */
import { runtimeConformance } from '../../integration/runtimes/conformance.ts';
import { up } from '../cluster.ts';
import { makeKubernetesPlace } from './place.ts';

runtimeConformance('Kubernetes', async () => makeKubernetesPlace((await up()).kubectl));
