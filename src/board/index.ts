export { BoardError } from './errors.ts';
export { Board, type BoardOptions, type BoardTimings, startBoard } from './start.ts';
export { listTopologies, loadTopology, type Topology, type TopologyPmu } from './topology.ts';
