export { BoardError } from './errors.ts';
export { type DeviceNode, type DeviceTree, readDeviceTree, writeDeviceTree } from './flattened.ts';
export {
	findKeptBoard,
	type Keeper,
	type KeptBoard,
	type KeptState,
	keepBoardUp,
	keptState,
	keptStates,
	listKeptBoards,
	takeDown,
} from './kept.ts';
export { type BoardFiles, boardFiles } from './parts.ts';
export { Board, type BoardOptions, type BoardTimings, startBoard } from './start.ts';
export { listSnapshots, removeSnapshots, type StoredSnapshot } from './stored.ts';
export { listTopologies, loadTopology, type Topology, type TopologyPmu } from './topology.ts';
