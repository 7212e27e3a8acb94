//! The network device: virtio over MMIO, asked again and again.

use core::cell::RefCell;
use core::ptr::NonNull;

use alloc::alloc::{alloc_zeroed, dealloc};
use core::alloc::Layout;
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;
use virtio_drivers::device::net::{RxBuffer, VirtIONet};
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::command_line::CommandLine;

/// How many frames can be under way in each direction.
const QUEUE: usize = 64;

/// Room for a frame with its header. Firecracker wants 65,562 bytes in all buffers together.
const FRAME: usize = 2048;

/// The largest packet that is sent or taken, with Ethernet's header.
const MTU: usize = 1514;

type Net = VirtIONet<Identity, InSteps, QUEUE>;

/// The device as the network stack has it.
pub struct Device(RefCell<Net>);

impl Device {
    /// The first network device that is where the command line says.
    pub fn find(line: &CommandLine) -> Self {
        let transport = line.places().find_map(|place| {
            let header = NonNull::new(place.address as *mut VirtIOHeader)?;
            // SAFETY: the monitor has said that there is a device in this range, which nobody else uses.
            let transport = unsafe { MmioTransport::new(header, place.size) }.ok()?;
            (transport.device_type() == DeviceType::Network).then_some(transport)
        });
        let transport = transport.expect("there is no network device where the command line says");
        let net = match Net::new(InSteps(transport), FRAME) {
            Ok(mut net) => {
                net.disable_interrupts();
                net
            }
            Err(error) => panic!("the network device does not begin: {error}"),
        };
        Self(RefCell::new(net))
    }

    /// Its address.
    pub fn address(&self) -> EthernetAddress {
        EthernetAddress(self.0.borrow().mac_address())
    }
}

impl phy::Device for Device {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        let buffer = self.0.borrow_mut().receive().ok()?;
        Some((Received(&self.0, buffer), Sending(&self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        self.0.borrow().can_send().then_some(Sending(&self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities.max_burst_size = Some(QUEUE);
        capabilities
    }
}

/// A frame that came.
pub struct Received<'a>(&'a RefCell<Net>, RxBuffer);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        let taken = take(self.1.packet());
        // The buffer was the queue's a moment ago, so there is room for it.
        let _ = self.0.borrow_mut().recycle_rx_buffer(self.1);
        taken
    }
}

/// A frame that is to be sent.
pub struct Sending<'a>(&'a RefCell<Net>);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut net = self.0.borrow_mut();
        let mut buffer = net.new_tx_buffer(length);
        let filled = fill(buffer.packet_mut());
        // What a device does not take is lost, as frames may be.
        let _ = net.send(buffer);
        filled
    }
}

/// Addresses are the same for the device and for us, and all memory can be reached by it.
struct Identity;

fn pages(count: usize) -> Layout {
    Layout::from_size_align(count * PAGE_SIZE, PAGE_SIZE).expect("a size that is no size")
}

// SAFETY: pages come out of the allocator, aligned and zero; every address is its own.
unsafe impl Hal for Identity {
    fn dma_alloc(count: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc_zeroed(pages(count)) };
        let memory = NonNull::new(memory).expect("no memory is left for the device");
        (memory.as_ptr() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, count: usize) -> i32 {
        // SAFETY: it came out of the allocator with this layout.
        unsafe { dealloc(memory.as_ptr(), pages(count)) };
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).expect("a device at address zero")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}

/// The transport, which acknowledges the device before it says that it has a driver: a step that the driver
/// leaves out, and that Firecracker insists on.
struct InSteps(MmioTransport<'static>);

impl Transport for InSteps {
    fn set_status(&mut self, status: DeviceStatus) {
        if status == DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER {
            self.0.set_status(DeviceStatus::ACKNOWLEDGE);
        }
        self.0.set_status(status);
    }

    fn device_type(&self) -> DeviceType {
        self.0.device_type()
    }

    fn read_device_features(&mut self) -> u64 {
        self.0.read_device_features()
    }

    fn write_driver_features(&mut self, features: u64) {
        self.0.write_driver_features(features);
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        self.0.max_queue_size(queue)
    }

    fn notify(&mut self, queue: u16) {
        self.0.notify(queue);
    }

    fn get_status(&self) -> DeviceStatus {
        self.0.get_status()
    }

    fn set_guest_page_size(&mut self, size: u32) {
        self.0.set_guest_page_size(size);
    }

    fn requires_legacy_layout(&self) -> bool {
        self.0.requires_legacy_layout()
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        self.0
            .queue_set(queue, size, descriptors, driver_area, device_area);
    }

    fn queue_unset(&mut self, queue: u16) {
        self.0.queue_unset(queue);
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        self.0.queue_used(queue)
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        self.0.ack_interrupt()
    }

    fn read_config_generation(&self) -> u32 {
        self.0.read_config_generation()
    }

    fn read_config_space<T: FromBytes + IntoBytes>(
        &self,
        offset: usize,
    ) -> virtio_drivers::Result<T> {
        self.0.read_config_space(offset)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        offset: usize,
        value: T,
    ) -> virtio_drivers::Result<()> {
        self.0.write_config_space(offset, value)
    }
}
