//! What clients append as one.

use seawall::{Lsn, NewRecord, TenantId, VShardId};

use super::{Client, Flow};
use crate::checker::{Property, Violation, ensure};
use crate::model::{AppendId, Payload};

impl Client<'_> {
    pub(super) fn append_batch(
        &self,
        count: u32,
        len: u32,
        last: &mut Option<u64>,
    ) -> Result<Flow, Violation> {
        let payload = Payload::plain(len);
        let before = self.model(|model| model.settled().max(model.accepted));
        let now = self.world.now();
        let first = self.model(|model| model.begin_batch(self.index as u16, payload, count, now));
        let ids = (0..count).map(|index| AppendId(first.0 + index));
        let appended = self.call("append_batch", || {
            let mut payloads = self.seat.batch.borrow_mut();
            payloads.resize_with(count as usize, Vec::new);
            for (id, into) in ids.clone().zip(payloads.iter_mut()) {
                id.payload(payload, into);
            }
            let record = |(id, payload)| new_record(id, self.index, payload);
            let records: Vec<_> = ids.clone().zip(payloads.iter()).map(record).collect();
            self.wal.append_batch(&records)
        })?;
        match appended {
            Ok(lsns) => {
                let (first, end) = (lsns.start().as_u64(), lsns.end().as_u64());
                *last = Some(end);
                let is_whole = end - first + 1 == u64::from(count);
                ensure(Property::OwnLsn, is_whole, || {
                    format!("a batch of {count} records got the lsns {lsns:?}")
                })?;
                for (id, lsn) in ids.zip(first..) {
                    self.accepted(id, Lsn::new(lsn), before)?;
                }
                Ok(Flow::GoOn)
            }
            Err(error) => {
                ids.for_each(|id| self.model(|model| model.refuse(id)));
                self.after_error(&error)
            }
        }
    }
}

fn new_record(id: AppendId, client: usize, payload: &Vec<u8>) -> NewRecord<'_> {
    NewRecord {
        record_type: id.verb(),
        tenant: TenantId::new(id.0),
        vshard: VShardId::new(client as u16),
        payload,
    }
}
