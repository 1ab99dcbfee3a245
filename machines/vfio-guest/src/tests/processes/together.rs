//! Processes that want the same device, or devices of one machine.

use std::io::{Write, stdout};
use std::thread::park;

use ddi_dma::Wait;
use ddi_dma_vfio::{Container, HostBuffer, InterruptKind, OpenError};
use edu::{Config, Edu};

use super::Other;
use crate::failure::Failure;
use crate::guest::Guest;
use crate::pci;
use crate::runner::Role;
use crate::tests::opened::Opened;

/// A process that has the first educational device, and shows that it works.
pub const HOLDER: Role = Role::new("holder", |guest, _| {
    let opened = Opened::new(guest.edu)?;
    let mut edu = driver(&opened)?;
    edu.write(0, HostBuffer::new(100)?, Wait::DontWait)?;
    println!("it works");
    stdout().flush()?;
    loop {
        park();
    }
});

/// A device that another process has cannot be opened, is told so, and can be when the other is gone.
pub fn in_use(guest: &Guest) -> Result<(), Failure> {
    let holder = Other::start(HOLDER, &[])?;
    match Container::new()?.open(guest.edu) {
        Err(error @ OpenError::GroupInUse { .. }) => println!("{error}"),
        Err(error) => return Err(Failure::new(format!("the wrong error: {error}"))),
        Ok(_) => return Err(Failure::new("two processes have one device")),
    }
    holder.kill()?;
    driver(&Opened::new(guest.edu)?)?.liveness(1)?;
    Ok(())
}

/// Two processes drive two devices.
pub fn side_by_side(guest: &Guest) -> Result<(), Failure> {
    pci::bind(guest.free_edu, "vfio-pci")?;
    let done = both(guest);
    pci::unbind(guest.free_edu)?;
    done
}

fn both(guest: &Guest) -> Result<(), Failure> {
    let opened = Opened::new(guest.free_edu)?;
    let mut edu = driver(&opened)?;
    let holder = Other::start(HOLDER, &[])?;
    let mut object = HostBuffer::new(1000)?;
    object.write(0, &[0x5a; 1000])?;
    let (_, back, _) = edu.round_trip(object, HostBuffer::new(1000)?, Wait::DontWait)?;
    ensure!(back.to_vec() == [0x5a; 1000], "another process's transfer came between");
    holder.kill()?;
    // What the other leaves behind does not touch this one.
    edu.write(0, back, Wait::DontWait)?;
    Ok(())
}

fn driver(opened: &Opened) -> Result<Edu<ddi_dma_vfio::Region, ddi_dma_vfio::EventInterrupt>, Failure> {
    let interrupt = opened.interrupt(InterruptKind::Msi)?;
    Ok(Edu::attach(&opened.bus.device("edu"), opened.registers()?, interrupt, Config::default())?)
}
