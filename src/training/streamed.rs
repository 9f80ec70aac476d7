//! Minibatches of a set that is read in pieces.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::data::{
    Binarize, Cases, DataSet, Part, Preprocessing, Stream, Values, Window, WindowReader,
};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::gather::Selection;
use crate::tensor::Tensor;

use super::batches::prepared;
use super::shard::{Gatherer, Shard, Treatment, rows_below};
use super::source::{Batch, BatchSource};

/// What is done to the cases of a window before they are uploaded.
type Prepare = dyn Fn(DataSet) -> Result<Cases> + Send + Sync;

/// The training cases of a [`Stream`]: while the device learns from one window of them, a thread reads the next.
///
/// The order is a function of (seed, epoch) and of the stream's memory: blocks of cases in a random order, mixed within a
/// window.
///
/// ```
/// use harmonium::Device;
/// use harmonium::data::{Found, Preprocessing, Reading, Streaming};
/// use harmonium::training::{BatchSource, StreamedData};
/// # let folder = std::env::temp_dir().join(format!("harmonium-streamed-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("cases.csv");
/// # let path = path.to_str().unwrap();
/// std::fs::write(path, "0,1\n1,0\n1,1\n")?;
/// let found = Found::at(path, &Reading::default())?.expect("a table");
/// let streamed = found.open(&Streaming::new(1 << 20))?;
/// let mut source = StreamedData::new(&Device::cpu(), streamed.train, &Preprocessing::default(), 1)?;
/// source.start_epoch(1, 1)?;
/// assert_eq!(source.next_batch(10)?.map(|batch| batch.rows()), Some(3));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct StreamedData {
    device: Device,
    stream: Stream,
    prepare: Arc<Prepare>,
    gatherer: Gatherer,
    labelled: bool,
    /// Bytes of a case once it is prepared, and how many the device takes at once.
    case_bytes: u64,
    most: usize,
    epoch: Option<Epoch>,
}

crate::error::opaque!(StreamedData);

struct Epoch {
    seed: u64,
    number: u64,
    windows: Vec<Window>,
    /// The window under way, and its next case.
    at: (usize, usize),
    /// Cases that are still to come.
    left: usize,
    /// That window on the device, with the order of its cases.
    open: Option<(Shard, Tensor)>,
    reader: Option<Ahead>,
}

/// Reads windows on a thread, each when it is asked.
struct Ahead {
    ask: Sender<()>,
    found: Receiver<Result<(Cases, Option<Vec<u32>>)>>,
}

impl Ahead {
    fn start(stream: Stream, windows: Vec<Window>, prepare: Arc<Prepare>) -> Result<Self> {
        let ((ask, asked), (send, found)) = (channel(), channel());
        let read = move || {
            let mut reader = WindowReader::new(&stream);
            for window in windows {
                if asked.recv().is_err() {
                    return; // nobody waits any more
                }
                let window = reader.read(&window).and_then(|mut set| {
                    let labels = set.labels.take();
                    Ok((prepare(set)?, labels))
                });
                let failed = window.is_err();
                if send.send(window).is_err() || failed {
                    return;
                }
            }
        };
        // A pool of its own: those who wait for it may hold the threads of the common one.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(|_| "reader".into());
        let pool = pool.build();
        let pool = pool.map_err(|e| Error::data("data", format!("no thread to read them: {e}")))?;
        pool.spawn(read);
        let ahead = Ahead { ask, found };
        ahead.ask();
        Ok(ahead)
    }

    fn ask(&self) {
        // After the last window the thread has ended.
        let _ = self.ask.send(());
    }

    fn next(&self) -> Result<(Cases, Option<Vec<u32>>)> {
        let ended = |_| Err(Error::data("data", "the thread that reads them has ended"));
        self.found.recv().unwrap_or_else(ended)
    }
}

impl StreamedData {
    /// The cases as `preprocessing` has them, without labels.
    ///
    /// # Errors
    /// What reading the first case gives; [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn new(
        device: &Device,
        stream: Stream,
        preprocessing: &Preprocessing,
        seed: u64,
    ) -> Result<Self> {
        let first = stream.first()?.cases;
        let (_, mut treatment) = prepared(first, preprocessing, seed, Part::Train)?;
        // One case may be of nothing but 0 and 1.
        let again = preprocessing.binarize == Some(Binarize::Resample) && !stream.is_bits();
        treatment.resample = again.then_some(seed);
        let preprocessing = preprocessing.clone();
        let prepare =
            move |set: DataSet| Ok(prepared(set.cases, &preprocessing, seed, Part::Train)?.0);
        Self::prepared_by(device, stream, treatment, prepare)
    }

    /// The cases as `prepare` makes them of those of a window; `treatment` is done on the device.
    ///
    /// # Errors
    /// As [`StreamedData::new`].
    pub fn prepared_by(
        device: &Device,
        stream: Stream,
        treatment: Treatment,
        prepare: impl Fn(DataSet) -> Result<Cases> + Send + Sync + 'static,
    ) -> Result<Self> {
        let first = prepare(stream.first()?)?;
        let each = if matches!(first.values(), Values::F32(_)) { 4 } else { 1 };
        Ok(StreamedData {
            device: device.clone(),
            stream,
            prepare: Arc::new(prepare),
            gatherer: Gatherer::new(device, first.width(), treatment)?,
            labelled: false,
            case_bytes: each * first.width() as u64,
            most: rows_below(device, &first, device.max_tensor_bytes())?,
            epoch: None,
        })
    }

    /// The same with the class of each case, where the source has labels.
    #[must_use]
    pub fn with_labels(self) -> Self {
        StreamedData { labelled: self.stream.is_labelled(), ..self }
    }

    /// The same in batches of the sizes `[rows, dims…]`, as pictures `[rows, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where dims do not have as many values as a case.
    pub fn with_case_dims(mut self, dims: &[usize]) -> Result<Self> {
        self.gatherer.see_as(dims)?;
        Ok(self)
    }

    /// Brings the next window onto the device in the place of the one before.
    fn advance(&mut self, epoch: &mut Epoch) -> Result<()> {
        epoch.open = None;
        let reader = match epoch.reader.take() {
            Some(reader) => reader,
            None => {
                let windows = epoch.windows[epoch.at.0..].to_vec();
                Ahead::start(self.stream.clone(), windows, self.prepare.clone())?
            }
        };
        let (cases, labels) = reader.next()?;
        let span = [0, cases.len()];
        let mut shard = Shard::upload(&self.device, &cases, span, None, self.gatherer.draws())?;
        if let Some(labels) = labels.filter(|_| self.labelled) {
            shard.label(&labels)?;
        }
        drop(cases);
        // Only now, so that three windows are never in memory at once.
        reader.ask();
        let order = epoch.windows[epoch.at.0].order(epoch.seed, epoch.number);
        let order = Tensor::from_u32(&self.device, &[shard.cases], &order)?;
        (epoch.open, epoch.reader) = (Some((shard, order)), Some(reader));
        Ok(())
    }

    /// Gathers the next cases; false at the epoch's end.
    fn gather_next(&mut self, rows: usize, epoch: &mut Epoch) -> Result<bool> {
        let rows = rows.min(epoch.left);
        if rows == 0 {
            return Ok(false);
        }
        self.gatherer.begin(rows, self.labelled, false)?;
        let mut row = 0;
        while row < rows {
            if epoch.open.is_none() {
                self.advance(epoch)?;
            }
            let Some((shard, indices)) = &epoch.open else { break };
            let take = (rows - row).min(shard.cases - epoch.at.1);
            let pick = Selection { indices, first_index: epoch.at.1, rows: take, first_row: row };
            self.gatherer.put(shard, pick, epoch.number)?;
            row += take;
            epoch.at.1 += take;
            epoch.left -= take;
            if epoch.at.1 == shard.cases {
                epoch.at = (epoch.at.0 + 1, 0);
                epoch.open = None;
            }
        }
        self.gatherer.end(rows)?;
        Ok(true)
    }
}

impl BatchSource for StreamedData {
    fn cases(&self) -> usize {
        self.stream.len()
    }

    fn width(&self) -> usize {
        self.gatherer.width
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        let windows = self.stream.windows(seed, epoch, self.case_bytes, self.most);
        self.epoch = Some(Epoch {
            seed,
            number: epoch,
            left: self.stream.len(),
            windows,
            at: (0, 0),
            open: None,
            reader: None,
        });
        Ok(())
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        let Some(mut epoch) = self.epoch.take() else { return Ok(None) };
        let whole = self.gather_next(rows, &mut epoch)?;
        self.epoch = Some(epoch);
        Ok(self.gatherer.batch().filter(|_| whole))
    }

    fn skip(&mut self, mut cases: usize) -> Result<()> {
        let Some(epoch) = &mut self.epoch else { return Ok(()) };
        while let Some(window) = epoch.windows.get(epoch.at.0) {
            let take = cases.min(window.cases() - epoch.at.1);
            cases -= take;
            epoch.at.1 += take;
            epoch.left -= take;
            if epoch.at.1 < window.cases() {
                break;
            }
            epoch.at = (epoch.at.0 + 1, 0);
            // What was read of it is of no use; the thread reads in order.
            (epoch.open, epoch.reader) = (None, None);
        }
        Ok(())
    }
}
