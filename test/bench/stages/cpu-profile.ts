/**
 * The part of V8's CPU profile that this module reads.
 * @see https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile
 */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  /** Microseconds. */
  readonly timeDeltas: readonly number[];
}

/** Node's modules for bytes, sockets and HTTP/1. */
const networkModule =
  /^node:(net|http|https|tls|dns|stream|_http_|_stream|internal\/(net|http|dgram|stream_base_commons|streams|js_stream|tls|dns))/;

/**
 * The share of busy time in sockets, streams and HTTP. Native calls count for the module that made them. The garbage
 * collector and the profiler count for neither part.
 */
export function shareOfNetwork({ nodes, samples, timeDeltas }: CpuProfile): number {
  const isNetwork = new Map<number, boolean | undefined>();
  const children = new Map(nodes.map(({ id, children = [] }) => [id, children]));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const visit = (id: number, callerIsNetwork: boolean | undefined): void => {
    const { functionName, url } = (byId.get(id) as CpuProfile['nodes'][number]).callFrame;
    const isNobodys = functionName.startsWith('(');
    const here = isNobodys ? undefined : url === '' ? callerIsNetwork : networkModule.test(url);
    isNetwork.set(id, here);
    for (const child of children.get(id) ?? []) visit(child, here);
  };
  const [root] = nodes;
  if (root !== undefined) visit(root.id, undefined);

  let networkUs = 0;
  let allUs = 0;
  for (const [index, id] of samples.entries()) {
    const here = isNetwork.get(id);
    if (here === undefined) continue;
    allUs += timeDeltas[index] ?? 0;
    if (here) networkUs += timeDeltas[index] ?? 0;
  }
  return networkUs / allUs;
}
