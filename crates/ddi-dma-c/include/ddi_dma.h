/*
 * What there is beside the Solaris DDI: devices by name, statistics, the reason of a refusal, and simulated machines.
 *
 * A driver includes none of this. Its main does: it opens a device, calls the driver's entry points with it, and in a
 * test plays the medium and the rest of the machine.
 *
 *     char error[256];
 *     dev_info_t *dip = ddi_dma_open("sim:isa-disk", error, sizeof error);
 *     if (dip == NULL)
 *         errx(1, "%s", error);
 *     if (xxattach(dip, DDI_ATTACH) != DDI_SUCCESS)
 *         errx(1, "%s", ddi_dma_last_error());
 */
#ifndef DDI_DMA_H
#define DDI_DMA_H

#include <stddef.h>
#include <stdint.h>

#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct map;
struct page;

/* Devices. */

/*
 * Opens a device by its name:
 *
 *     sim:isa-disk                            a device of a simulated machine, which is its own
 *     sim:pci-disk?seed=7&copy_buffer=4096    with what the machine is given
 *     vfio:0000:00:03.0                       a PCI device of this machine, bound to vfio-pci
 *
 * The program ddi-dma takes the same names, and lists devices and keys. NULL where the device is not to be had; `error`
 * then holds the reason, cut to `error_size` bytes. `error` may be NULL.
 */
extern dev_info_t *ddi_dma_open(const char *name, char *error, size_t error_size);

/*
 * Closes a device: its threads end, and callbacks that wait are not called any more. What was not freed is told on
 * standard error.
 */
extern void ddi_dma_close(dev_info_t *dip);

/*
 * The reason of this thread's last refusal: what was asked, what there was, what to do. Empty where nothing was
 * refused. It is good until the next refusal on this thread.
 */
extern const char *ddi_dma_last_error(void);

/* What happened on a device's bus since it was opened. */
struct ddi_dma_statistics {
    /* Objects bound, and of these the ones of more than one window. */
    uint64_t binds;
    uint64_t partial_binds;
    /* Bytes moved into and out of the copy buffer. */
    uint64_t bytes_copied;
    /* Requests that were refused for want of something. One that sleeps until it is there is none. */
    uint64_t copy_buffer_shortages;
    uint64_t map_space_shortages;
    uint64_t memory_shortages;
    uint64_t handle_shortages;
    /* Requests that were queued, callbacks called, and how often one who waited was passed by another. */
    uint64_t waits;
    uint64_t callbacks;
    uint64_t passes;
    /* Bytes kept from use because a device may still reach them. */
    uint64_t quarantined_bytes;
    /* Bytes of the copy buffer that are taken now, those kept by idle handles included. */
    uint64_t copy_buffer_taken;
};

extern void ddi_dma_statistics(dev_info_t *dip, struct ddi_dma_statistics *statistics);

/*
 * The map of a device's DVMA space, for the functions of <sundev/mbvar.h>. NULL where its bus has no 32-bit addresses.
 */
extern struct map *ddi_dma_map(dev_info_t *dip);

/* Locked memory, and lists of pages. */

/* The bytes that ddi_umem_lock(9F) may lock (at first RLIMIT_MEMLOCK's), and those it has locked. */
extern size_t ddi_dma_umem_limit(void);
extern void ddi_dma_set_umem_limit(size_t bytes);
extern size_t ddi_dma_umem_locked(void);

/*
 * Names pages of this process for a buf: `pages` holds `count` addresses of pages, which need not lie side by side. The
 * result is the first page of a list, for b_pages of a buf with B_PAGEIO (b_un.b_addr is the offset in it). An array of
 * such results, of one page each, is what b_shadow points to with B_SHADOW. NULL on a bad argument. A `struct page` is
 * a name: nothing is behind it.
 */
extern struct page *ddi_dma_pages(void *const *pages, size_t count);
extern void ddi_dma_pages_free(struct page *first);

/* Simulated machines. */

/*
 * Memory of the device's machine: contiguous for the program, in pages all over the machine for devices, all zeros. Any
 * other memory can be bound too. NULL where there is none; free it before the device is closed.
 */
extern void *ddi_dma_sim_alloc(dev_info_t *dip, size_t length);
extern void ddi_dma_sim_free(dev_info_t *dip, void *memory);

/*
 * Reads and writes as the device does, from an address of its bus on: a cookie's. 0; -1 where the device cannot reach
 * all of it.
 */
extern int ddi_dma_sim_read(dev_info_t *dip, uint64_t address, void *buffer, size_t length);
extern int ddi_dma_sim_write(dev_info_t *dip, uint64_t address, const void *buffer, size_t length);

/* Reads and writes what is on a disk, from a byte of it on, beside its engine. 0; -1 beyond its end. */
extern int ddi_dma_sim_read_medium(dev_info_t *dip, uint64_t offset, void *buffer, size_t length);
extern int ddi_dma_sim_write_medium(dev_info_t *dip, uint64_t offset, const void *buffer, size_t length);

/* Returns when the device has nothing to do, and no interrupt handler and no callback of it runs or is due. */
extern void ddi_dma_sim_settle(dev_info_t *dip);

/* What the next transfer meets, after so many bytes. 0; -1 for a device that it cannot befall. */
#define DDI_DMA_SIM_SHORT_TRANSFER 1 /* the device stops without an error; the residue tells */
#define DDI_DMA_SIM_MEDIUM_ERROR 2   /* the medium fails */
#define DDI_DMA_SIM_LOST_INTERRUPT 3 /* the transfer ends well, and does not interrupt */
extern int ddi_dma_sim_inject(dev_info_t *dip, int mishap, uint64_t after);

/* What devices did on the device's bus. */
struct ddi_dma_sim_counters {
    /* Bytes that they read from memory, and that they wrote to it. */
    uint64_t bytes_read;
    uint64_t bytes_written;
    /* Accesses that nothing answered. */
    uint64_t faults;
};

extern int ddi_dma_sim_counters(dev_info_t *dip, struct ddi_dma_sim_counters *counters);

/*
 * The registers of the simulated disks, as ddi_regs_map_setup(9F) maps register set 0. They are little endian
 * (DDI_STRUCTURE_LE_ACC), each is accessed in its own width, or one of 64 bits in two halves.
 */
struct ddi_dma_sim_entry {
    uint32_t dma_addr;
    /* In bytes. 0 stands for one more than the counter counts to: 64 KiB for one of 16 bits. */
    uint32_t dma_size;
};

/* An entry of pci64-disk. */
struct ddi_dma_sim_entry64 {
    uint64_t dma_addr;
    uint64_t dma_size;
};

#define DDI_DMA_SIM_ENTRIES 17
#define DDI_DMA_SIM_ENTRIES64 256

struct ddi_dma_sim_disk {
    uint8_t csr;
    /* Why the last transfer failed; 0: it did not. */
    uint8_t error;
    /* The bursts that the engine may use, as of ddi_dma_burstsizes(9F); where it has this register. */
    uint16_t burst;
    /* The entries of sglist in use; where it has a list. */
    uint16_t entries;
    uint16_t reserved_1;
    /* The first sector of the transfer. */
    uint64_t block;
    /* The bytes that the last transfer left. */
    uint64_t residue;
    uint64_t reserved_2;
    /* As many as the engine takes: one where it has no list. */
    struct ddi_dma_sim_entry sglist[DDI_DMA_SIM_ENTRIES];
};

/* The same of pci64-disk. */
struct ddi_dma_sim_disk64 {
    uint8_t csr;
    uint8_t error;
    uint16_t burst;
    uint16_t entries;
    uint16_t reserved_1;
    uint64_t block;
    uint64_t residue;
    uint64_t reserved_2;
    struct ddi_dma_sim_entry64 sglist[DDI_DMA_SIM_ENTRIES64];
};

/* csr, written: what the device is to do. */
#define DDI_DMA_SIM_START_TRANSFER 0x01
#define DDI_DMA_SIM_ENABLE_INTERRUPTS 0x02
#define DDI_DMA_SIM_CLEAR_INTERRUPT 0x08
#define DDI_DMA_SIM_TO_MEMORY 0x10 /* from the medium; otherwise to it */
#define DDI_DMA_SIM_RESET 0x80
/* csr, read: what it does. */
#define DDI_DMA_SIM_INTERRUPTING 0x04
#define DDI_DMA_SIM_ERROR 0x20
#define DDI_DMA_SIM_BUSY 0x40

/*
 * The registers of the simulated network devices, in the same manner. What is transmitted is received. Sizes are in
 * bytes; 0 stands for 2^32.
 */
struct ddi_dma_sim_ether {
    uint16_t csr;
    /* Why the last start failed; 0: it did not. */
    uint8_t error;
    uint8_t reserved_1;
    /* The burst that the engine uses, in bytes. */
    uint16_t burst;
    uint16_t reserved_2;
    /* The frame to transmit, and where the next one received goes. */
    uint32_t tx_address;
    uint32_t tx_size;
    uint32_t rx_address;
    uint32_t rx_size;
    /* The bytes of the last frame received. */
    uint32_t rx_length;
    uint32_t reserved_3;
};

/* csr, written; the bits for interrupts, errors and resets are those of disks. */
#define DDI_DMA_SIM_TX_START 0x01
#define DDI_DMA_SIM_RX_ENABLE 0x10
/* csr, read; DDI_DMA_SIM_CLEAR_INTERRUPT lowers these too. */
#define DDI_DMA_SIM_TX_BUSY 0x40
#define DDI_DMA_SIM_TX_DONE 0x100
#define DDI_DMA_SIM_RX_DONE 0x200
#define DDI_DMA_SIM_MISSED 0x400 /* a frame was lost: eight waited to be received */

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_H */
